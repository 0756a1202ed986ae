-- What may be kept of the text of a schema change. These functions are for the owner's own: they read text, run none of it.

-- What a scanner must try at each place: literals and quoted names of every kind, comments, dollar quotes with each tag
-- of the text, and runs of everything else. With `nested` a quote that PL/pgSQL's account of its calls goes on
-- behind opens no name. Raises where a tag is too long for a pattern.
create function holdfast.token_pattern(words text, nested boolean)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $pattern$
declare
  tags text[];
begin
  if strpos(words, '$') > 0 then
    select array_agg(distinct d.tag) into tags
    from (
      select coalesce(t.m[1], '') as tag from regexp_matches(words, '\$([A-Za-z_]\w*)?(?=\$)', 'g') as t (m)
    ) as d
    where strpos(substr(words, strpos(words, '$' || d.tag || '$') + length(d.tag) + 2), '$' || d.tag || '$') > 0;
    if exists (select from unnest(tags) as tag where length(tag) > 200) or cardinality(tags) > 50 then
      raise exception 'its dollar quotes are too many or too long';
    end if;
  end if;
  return concat_ws('|',
    $re$(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'$re$,
    $re$(?:[uU]&)?'(?:[^']|'')*'$re$,
    case when nested
      then $re$(?:[uU]&)?"(?!\n(?:PL/|SQL |extension |unnamed portal|portal "))(?:[^"]|"")*"$re$
      else $re$(?:[uU]&)?"(?:[^"]|"")*"$re$
    end,
    $re$--[^\n\r]*$re$,
    $re$/\*(?:[^*]|\*+[^*/])*\*+/$re$,
    (select string_agg(format('\$%1$s\$(?:[^$]|\$(?!%1$s\$))*\$%1$s\$', tag), '|') from unnest(tags) as tag),
    $re$\w+\$[\w$]*$re$,
    $re$(?:[^'";$()/eEuU-]|[eE](?!')|[uU](?!&['"]))+$re$,
    $re$.$re$);
end
$pattern$;

-- Cuts a text into its statements, without comments; `code` is the statement with every literal empty. With `nested` the
-- text is what follows the quote that opens a statement in PL/pgSQL's account; it ends with the quote that closes it.
-- Raises what it cannot read surely: a text that was read wrongly could give away, or repeat, what it must not.
create function holdfast.cut_statements(words text, nested boolean)
returns table (place bigint, said text, code text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $cut$
declare
  pattern text := holdfast.token_pattern(words, nested);
  blank text := E' \t\r\n\f\v';
begin
  if current_setting('standard_conforming_strings') <> 'on' and strpos(words, '\') > 0 then
    raise exception 'a backslash in a literal that may end elsewhere';
  end if;
  if words ~ '/\*' and exists (select from regexp_matches(words, pattern, 'g') as t (m) where t.m[1] ~ '^/\*.*/\*') then
    raise exception 'a comment inside a comment';
  end if;
  return query
  with token as materialized (
    select t.n, t.m[1] as word, left(t.m[1], 1) as head, left(t.m[1], 2) in ('--', '/*') as comment
    from regexp_matches(words, pattern, 'g') with ordinality as t (m, n)
  ), ending as (
    -- A quote that opens nothing closes the whole.
    select min(t.n) as n from token t where nested and t.word = '"'
  ), cut as (
    select t.*, coalesce(sum((t.word = ';')::integer) over before, 0) as piece,
      coalesce(sum(case t.word when '(' then 1 when ')' then -1 else 0 end) over before, 0) as depth
    from token t cross join ending e
    where e.n is null or t.n < e.n
    window before as (order by t.n rows between unbounded preceding and 1 preceding)
  ), statement as (
    select c.piece,
      btrim(string_agg(case when c.comment then ' ' else c.word end, '' order by c.n), blank) as said,
      btrim(string_agg(case
        when c.comment then ' '
        when c.head = '''' or c.word ~ '^(?:[eE]|[uU]&)''' or c.head = '$' and length(c.word) > 1 then ''''''
        else c.word
      end, '' order by c.n), blank) as code,
      min(c.depth) as depth
    from cut c
    where c.word <> ';'
    group by c.piece
  ), joined as (
    -- The actions of a rule and the body of BEGIN ATOMIC … END have semicolons of their own.
    select s.*,
      sum((s.code ~* '\mbegin\s+atomic\M')::integer) over (order by s.piece) as opened,
      coalesce(sum((s.code ~* '^end$')::integer) over (order by s.piece
        rows between unbounded preceding and 1 preceding), 0) as closed
    from statement s
  ), counted as (
    select j.*, sum(case when j.depth > 0 or j.opened > j.closed and j.code !~* '\mbegin\s+atomic\M' then 0 else 1 end)
      over (order by j.piece) as nth
    from joined j
  )
  select min(c.piece)::bigint, string_agg(c.said, '; ' order by c.piece), string_agg(c.code, '; ' order by c.piece)
  from counted c
  group by c.nth
  having string_agg(c.code, '' order by c.piece) <> ''
  order by 1;
end
$cut$;

-- Whether a literal of a statement, quotes and all, looks as if it held a password or a key.
create function holdfast.holds_secret(literal text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $secret$
  select literal ~* '\m\w*(?:passw|passphrase|pwd|secret|token|credential)\w*\s*(?:=>|:=|=|:|\s)\s*[eu]?&?''+[^'')\s,;]'
    or literal ~* '\m\w*(?:passw|passphrase|pwd|secret|token|credential)\w*\s*(?:=>|:=|=|:|\s)\s*\$\w*\$[^$]'
    or literal ~* '\m(?:\w*password|passwd|pwd|passfile)=[^\s''"=>]'
    or literal !~ '[(;\n]' and literal ~* '\m(?:ssl)?passw(?:or)?d\s*[=:]\s*[^\s''"=>]'
    or literal ~ '\w://[^\s/:@''"]*:[^\s/@''"]+@'
    or literal ~ 'SCRAM-SHA-256\$|\mmd5[0-9a-f]{32}\M|\mAKIA[0-9A-Z]{16}\M|BEGIN [A-Z ]*PRIVATE KEY'
$secret$;

-- The statement with what may be a secret taken out of it; the same text when there is none.
create function holdfast.redact(statement text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $redact$
declare
  -- A user mapping and a subscription hold nothing but how to get in; a comment is a sentence, not a value.
  all_of_it boolean := statement ~* '^\s*(?:create|alter|drop)\s+(?:user\s+mapping|subscription)\M';
  sentence boolean := statement ~* '^\s*(?:comment|security)\M';
begin
  return (
    with token as (
      select t.n, t.m[1] as word,
        left(t.m[1], 1) = '''' or t.m[1] ~ '^(?:[eE]|[uU]&)''' or left(t.m[1], 1) = '$' and length(t.m[1]) > 1 as literal,
        t.m[1] ~ '^\s+$' as blank
      from regexp_matches(statement, holdfast.token_pattern(statement, false), 'g') with ordinality as t (m, n)
    ), seen as (
      select t.*, lower(substring(lag(t.word) over (partition by t.blank order by t.n) from '\w+(?="?\s*$)')) as before
      from token t
    )
    select string_agg(case
      when s.literal and (all_of_it
        or s.before ~ 'pass|pwd|secret|token|credential|private|access_key'
        or sentence and s.word ~* 'passw|pwd|secret|token|credential'
        or holdfast.holds_secret(s.word))
      then '''redacted''' else s.word end, '' order by s.n)
    from seen s);
end
$redact$;

revoke all on function holdfast.token_pattern(text, boolean), holdfast.cut_statements(text, boolean), holdfast.holds_secret(text), holdfast.redact(text) from public;
