import { type Rule, when } from './rule.ts'

const somebodyMustBeTold: Rule = ({ paging: { pagerSecret, email, slack } }) =>
  when(
    pagerSecret === undefined && email === undefined && slack === undefined,
    'paging',
    {},
    'nobody is told: an alarm that no one hears is none',
    'add an address, like "paging: { email: \'platform@shop.example\' }", a pagerSecret or a slack channel',
  )

const pagerMustBeASecret: Rule = ({ paging: { pagerSecret } }) =>
  when(
    pagerSecret !== undefined && !/^[\w/+=.@-]{1,512}$/.test(pagerSecret),
    'paging.pagerSecret',
    // A URL of PagerDuty or Opsgenie is a secret itself: whoever reads the build log must not find it there.
    pagerSecret?.includes('://') ? '(a URL)' : pagerSecret,
    'want the name of a secret; the URL itself would be readable in every template',
    'store the URL with "aws secretsmanager create-secret --secret-string" and write its name, like "shop/prod/pager"',
  )

const emailMustBeAnAddress: Rule = ({ paging: { email } }) =>
  when(
    email !== undefined && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email),
    'paging.email',
    email,
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
  somebodyMustBeTold,
  pagerMustBeASecret,
  emailMustBeAnAddress,
  slackMustBeIds,
  assertionsMustAsk,
  assertionsMustDiffer,
]
