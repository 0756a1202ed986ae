import { WireError } from './call.ts'
import type { Shape } from './shape.ts'

/** Refuses an input that lacks a member which the model requires, as the protocol words it. */
export function checkRequired(
  shape: Shape,
  input: Record<string, unknown>,
  wording: 'query' | 'json' | 'rest-xml',
): void {
  for (const name of shape.required) {
    if (input[name] === undefined || input[name] === null) throw missing(name, wording)
  }
}

function missing(name: string, wording: 'query' | 'json' | 'rest-xml'): WireError {
  if (wording === 'query') {
    return new WireError('MissingParameter', `The request must contain the parameter ${name}.`)
  }
  if (wording === 'rest-xml') return new WireError('InvalidRequest', `Missing required parameter ${name}.`)
  const path = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
  return new WireError(
    'ValidationException',
    `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`,
  )
}

/** The refusal of a parameter or member that the model does not have: never ignored, as that would hide a mistake. */
export function unknownMember(path: string, of: string): WireError {
  return new WireError(
    'UnknownParameter',
    `${path} is not a parameter of ${of}. HINT: correct its name, or update the SDK whose model the twin reads`,
  )
}
