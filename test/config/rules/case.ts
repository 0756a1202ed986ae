type Patch = { readonly [key: string]: unknown }

/** Behaviour, a patch that breaks it, one that just does not, where the fault is told and what it says. */
export type Case = readonly [behaviour: string, fault: Patch, nearMiss: Patch, path: string, sentence: RegExp]
