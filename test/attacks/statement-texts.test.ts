import { expect, test } from '@jest/globals'
import { notApplied } from '../../lambdas/roll-forward/sender.ts'
import { shapeOf } from '../../lambdas/runtime/statement-shape.ts'

test.each([
  [`alter role tenant password 'hunter2-4111'`, 'alter role tenant password ?'],
  [
    `create user mapping for x server s options (password E'a\\'4111')`,
    'create user mapping for x server s options (password ?)',
  ],
  [
    'select * from orders where card = $1 and id in ($2, $3)',
    'select * from orders where card = $1 and id in ($2, $3)',
  ],
  [`update t2 set a_1 = 4111.11, b = .4111e10, c = 0x4111`, 'update t2 set a_1 = ?, b = ?, c = ?'],
  ['do $$ select 4111 $$', 'do ?'],
  ['do $do_1$ select $$4111$$ $do_1$ language sql', 'do ? language sql'],
  [`select 'it''s 4111', n'4111', U&'4111', x'4111'`, 'select ?, ?, ?, ?'],
  ['select a -- 4111\nfrom t /* 4111 /* 4111 */ 4111 */ limit 4111', 'select a from t limit ?'],
  [`select "a ' 4 ""b" , '4111' from "t--x"`, `select "a ' 4 ""b" , ? from "t--x"`],
  [`comment on table t is '4111 cut`, 'comment on table t is ?'],
  ['select $a$ 4111 cut', 'select ?'],
  ['select 1 /* 4111 cut', 'select ?'],
])('%s is shown without what it says', (text, shape) => {
  expect(shapeOf(text)).toBe(shape)
})

test('a statement that the copy refused is told without its constants', () => {
  const refusal = notApplied(`alter table t add c text default '4111'`, new Error('x'))
  expect(refusal.message).toContain('alter table t add c text default ?')
  expect(refusal.message).not.toContain('4111')
})
