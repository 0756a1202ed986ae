import { type Rule, when } from './rule.ts'

const pageMustBeAParameter: Rule = ({ paging: { pageUrlParameter } }) =>
  when(
    pageUrlParameter !== undefined && !/^\/[\w.-]+(\/[\w.-]+)*$/.test(pageUrlParameter),
    'paging.pageUrlParameter',
    // A URL of PagerDuty or Opsgenie is a secret: whoever reads the build log must not find it there.
    pageUrlParameter?.includes('://') ? '(a URL)' : pageUrlParameter,
    'want the name of an SSM parameter; the URL itself is a secret and would be readable in every template',
    'store the URL with "aws ssm put-parameter --type SecureString" and write its name, like "/shop/prod/pager"',
  )

const warnMustBeAnAddress: Rule = ({ paging: { warnEmail } }) =>
  when(
    warnEmail !== undefined && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(warnEmail),
    'paging.warnEmail',
    warnEmail,
    'this is no e-mail address',
    'write one address',
  )

const slackMustBeIds: Rule = ({ paging: { slack } }) =>
  slack
    ? [
        ...when(
          !/^[TE][0-9A-Z]{7,20}$/.test(slack.workspaceId),
          'paging.slack.workspaceId',
          slack.workspaceId,
          'want the id of a workspace, which begins with T',
          'copy it from the address of the workspace in a browser',
        ),
        ...when(
          !/^[CG][0-9A-Z]{7,20}$/.test(slack.channelId),
          'paging.slack.channelId',
          slack.channelId,
          'want the id of a channel, which begins with C or G',
          'copy the link of the channel: its last part is the id',
        ),
      ]
    : []

const assertionsMustAsk: Rule = ({ assertions }) =>
  assertions.flatMap(({ sql }, index) =>
    when(
      !/^\s*(select|with|values|table)\b/i.test(sql) || /;\s*\S/.test(sql),
      `assertions[${index}].sql`,
      sql,
      'want one statement that only reads',
      'write one "select", such as "select count(*) > 0 from orders"',
    ),
  )

const assertionsMustDiffer: Rule = ({ assertions }) =>
  assertions.flatMap(({ name }, index) =>
    when(
      assertions.findIndex(each => each.name === name) < index,
      `assertions[${index}].name`,
      name,
      'another assertion has this name already',
      'give each assertion its own name',
    ),
  )

/** Who is told, and what they have asked of every copy. */
export const PEOPLE: readonly Rule[] = [
  pageMustBeAParameter,
  warnMustBeAnAddress,
  slackMustBeIds,
  assertionsMustAsk,
  assertionsMustDiffer,
]
