-- What may be kept of the text of a schema change. These functions are for the owner's own: they read text, run none of it.

-- What a scanner must try at each place: literals and quoted names of every kind, comments, dollar quotes with each tag
-- of the text, and runs of everything else. With `nested` a quote that PL/pgSQL's account of its calls goes on
-- behind opens no name. Raises where a tag is too long for a pattern.
-- Letters beyond ASCII are letters of names and of dollar quotes to PostgreSQL, whatever the collation calls them. The
-- tags are counted before anything is looked for: a text of nothing but dollars took minutes.
create function holdfast.token_pattern(words text, nested boolean)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $pattern$
declare
  tags text[];
begin
  if strpos(words, '$') > 0 then
    select array_agg(distinct coalesce(t.m[1], '')) into tags
    from regexp_matches(words, '\$((?:[A-Za-z_]|[^\x01-\x7f])(?:\w|[^\x01-\x7f])*)?(?=\$)', 'g') as t (m);
    if cardinality(tags) > 200 then
      raise exception 'its dollar quotes are too many or too long';
    end if;
    select array_agg(d.tag) into tags
    from unnest(tags) as d (tag)
    where strpos(substr(words, strpos(words, '$' || d.tag || '$') + length(d.tag) + 2), '$' || d.tag || '$') > 0;
    if cardinality(tags) > 50 or (select sum(length(d.tag)) from unnest(tags) as d (tag)) > 1000 then
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
    $re$(?:\w|[^\x01-\x7f])+\$(?:[\w$]|[^\x01-\x7f])*$re$,
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
set standard_conforming_strings = on
as $cut$
declare
  pattern text := holdfast.token_pattern(words, nested);
  blank text := E' \t\r\n\f\v';
begin
  -- It was read as the session stood before it: a text that changes that itself may have been read either way.
  if strpos(words, '\') > 0 and (coalesce(current_setting('holdfast.actor_strings', true), '') not in ('', 'on')
      or strpos(lower(words), 'standard_conforming_strings') > 0) then
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

-- Whether a literal of a statement, quotes and all, looks as if it held a password or a key: also as a member of JSON or
-- XML, and the keys that say themselves what they are.
create function holdfast.holds_secret(literal text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $secret$
  select literal ~* '\m\w*(?:passw|passphrase|pwd|secret|token|credential)\w*\s*(?:=>|:=|=|:|\s)\s*[eu]?&?''+[^'')\s,;]'
    or literal ~* '\m\w*(?:passw|passphrase|pwd|secret|token|credential)\w*\s*(?:=>|:=|=|:|\s)\s*\$\w*\$[^$]'
    or literal ~* '\m(?:\w*password|passwd|pwd|passfile)=[^\s''"=>]'
    or literal !~ '[(;\n]' and literal ~* '\m(?:ssl)?passw(?:or)?d\s*[=:]\s*[^\s''"=>]'
    or literal ~* '"[^"\s]*(?:passw|passphrase|pwd|secret|token|credential|api_?key|authorization)[^"\s]*"\s*:\s*"[^"]'
    or literal ~* '<\w*(?:passw|passphrase|pwd|secret|token|credential|apikey)\w*>\s*[^<\s]'
    or literal ~* '\m(?:bearer|basic)\s+[a-z0-9._~+/-]{16,}'
    or literal ~ '\w://[^\s/:@''"]*:[^\s/@''"]+@'
    or literal ~ '\meyJ[\w-]{8,}\.[\w-]+\.|\mgh[pousr]_\w{20,}|\mxox[abprs]-[\w-]{10,}|\m(?:sk|rk|pk)_(?:live|test)_\w{8,}'
    or literal ~ 'SCRAM-SHA-256\$|\mmd5[0-9a-f]{32}\M|\mA[KS]IA[0-9A-Z]{16}\M|BEGIN [A-Z ]*PRIVATE KEY'
$secret$;

-- The statement with what may be a secret taken out of it; the same text when there is none.
create function holdfast.redact(statement text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
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
      select t.*, lower(substring(lag(t.word) over (partition by t.blank order by t.n) from '\w+(?="?\s*$)')) as before,
        lower(string_agg(right(t.word, 200), '') over (order by t.n rows between 8 preceding and 1 preceding)) as said
      from token t
    )
    select string_agg(case
      when s.literal and (all_of_it
        or s.before ~ 'pass|pwd|secret|token|credential|private|access_key'
        -- A parameter, which alone has a point in its name, is set to it or compared with it.
        or s.said ~ '\mset\s+(?=[\w"]+\.)[\w."]*(?:pass|pwd|secret|token|credential|private|api_?key|access_key)[\w."]*\s*(?:=|to)\s*$'
        or s.said ~ 'current_setting\(''[^'']*(?:pass|pwd|secret|token|credential|private|api_?key|access_key)[^'']*''(?:\s*,\s*\w+)?\)\)?(?:::\w+)?\s*(?:=|<>|!=)\s*$'
        or sentence and s.word ~* 'passw|pwd|secret|token|credential'
        or holdfast.holds_secret(s.word))
      then '''redacted'''
      -- A value may stand there without quotes too.
      when not s.literal then regexp_replace(s.word,
        '(\mset\s+(?=\w+\.)[\w.]*(?:pass|pwd|secret|token|credential|private|api_?key|access_key)[\w.]*\s*(?:=|\mto\M)\s*)[\w.]+', '\1''redacted''', 'gi')
      else s.word end, '' order by s.n)
    from seen s);
end
$redact$;

revoke all on function holdfast.token_pattern(text, boolean), holdfast.cut_statements(text, boolean), holdfast.holds_secret(text), holdfast.redact(text) from public;
