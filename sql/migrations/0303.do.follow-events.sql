-- With every command that can change a table's identity, its columns or the publications that it is in; a DROP takes
-- keys and columns away in cascade.
do $triggers$
begin
  drop event trigger if exists holdfast_2_follow;
  create event trigger holdfast_2_follow on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE', 'ALTER INDEX', 'ALTER SCHEMA',
      'CREATE PUBLICATION', 'ALTER PUBLICATION', 'DROP PUBLICATION',
      'DROP INDEX', 'DROP TABLE', 'DROP TYPE', 'DROP DOMAIN', 'DROP FUNCTION', 'DROP ROUTINE', 'DROP PROCEDURE', 'DROP AGGREGATE',
      'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION', 'DROP COLLATION', 'DROP OPERATOR', 'DROP OPERATOR CLASS',
      'DROP OPERATOR FAMILY', 'DROP CAST')
    execute function holdfast.follow_ddl();
  alter event trigger holdfast_2_follow enable always;
exception
  when insufficient_privilege then
    raise warning 'event triggers could not be made, schema changes will not be followed: %', sqlerrm;
end
$triggers$;
