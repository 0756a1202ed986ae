import type { Case } from './case.ts'

export const PEOPLE: readonly Case[] = [
  [
    'refuses alarms that nobody hears',
    { paging: { email: undefined } },
    { paging: { email: undefined, pagerSecret: 'shop/prod/pager' } },
    'paging',
    /nobody is told/,
  ],
  [
    'refuses the pager’s URL where its name belongs',
    { paging: { pagerSecret: 'https://events.pagerduty.com/integration/abc' } },
    { paging: { pagerSecret: 'shop/prod/pager' } },
    'paging.pagerSecret',
    /the URL itself would be readable/,
  ],
  [
    'refuses an address that is none',
    { paging: { email: 'ops' } },
    { paging: { email: 'ops@shop.example' } },
    'paging.email',
    /no e-mail address/,
  ],
  [
    'refuses a Slack workspace by name',
    { paging: { slack: { workspaceId: 'shop', channelId: 'C0123456789' } } },
    { paging: { slack: { workspaceId: 'T0123456789', channelId: 'C0123456789' } } },
    'paging.slack.workspaceId',
    /begins with T/,
  ],
  [
    'refuses a Slack channel by name',
    { paging: { slack: { workspaceId: 'T0123456789', channelId: '#ops' } } },
    { paging: { slack: { workspaceId: 'T0123456789', channelId: 'C0123456789' } } },
    'paging.slack.channelId',
    /begins with C or G/,
  ],
  [
    'refuses an assertion that writes',
    { assertions: [{ name: 'orders', sql: 'delete from orders' }] },
    { assertions: [{ name: 'orders', sql: 'select count(*) > 0 from orders;' }] },
    'assertions[0].sql',
    /only reads/,
  ],
  [
    'refuses two assertions of one name',
    {
      assertions: [
        { name: 'a', sql: 'select true' },
        { name: 'a', sql: 'select true' },
      ],
    },
    {
      assertions: [
        { name: 'a', sql: 'select true' },
        { name: 'b', sql: 'select true' },
      ],
    },
    'assertions[1].name',
    /this name already/,
  ],
]
