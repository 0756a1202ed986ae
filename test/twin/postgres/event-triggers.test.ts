import { expect, test } from '@jest/globals'
import { handOverEventTriggers } from '../../../twin/postgres/event-triggers.ts'

const handed = (literal: string) => `call pg_catalog.rds_event_trigger_statement('${literal}')`

test.each([
  [
    'create event trigger a on sql_drop execute function f()',
    handed('create event trigger a on sql_drop execute function f()'),
  ],
  [
    'select 1; DROP EVENT TRIGGER IF EXISTS a ; select 2',
    `select 1; ${handed('DROP EVENT TRIGGER IF EXISTS a')} ; select 2`,
  ],
  ["comment on event trigger a is 'it; here'", handed("comment on event trigger a is ''it; here''")],
  [
    'do $x$ begin if true then alter event trigger a disable; end if; end $x$',
    `do $x$ begin if true then ${handed('alter event trigger a disable')}; end if; end $x$`,
  ],
  [
    'create or replace function g() returns void language plpgsql as $$ begin drop event trigger a; end $$',
    `create or replace function g() returns void language plpgsql as $$ begin ${handed('drop event trigger a')}; end $$`,
  ],
])('hands over %s', (sql, expected) => {
  expect(handOverEventTriggers(sql)).toBe(expected)
})

test.each([
  'create trigger a before insert on t execute function f()',
  "select 'create event trigger a on b'",
  'select $$drop event trigger a;$$',
  '-- create event trigger a\nselect 1',
  '/* drop /* event */ trigger; create event trigger b */ select 1',
  'select "create event trigger" from t',
  "select E'\\'create event trigger a'",
  'select event, trigger from t',
])('leaves %s alone', sql => {
  expect(handOverEventTriggers(sql)).toBe(sql)
})
