set lock_timeout = '2s';
set statement_timeout = '30s';

-- A text may write a sign by its number or name, as HTML and addresses do: "&#48;", "&#x30;",
-- "&commat;", "%40", "\u0040". These functions read such a text as the person who decodes it.
create function private.decoded_text(p_text text)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  -- Browsers also decode an entity without its semicolon. An entity may be encoded twice. People also
  -- read one with blanks; without its semicolon, that is rather a list of numbers, as in "#4 & #5".
  v_pattern constant text := '(?:&(?:amp;)*#(?:0*[0-9]{1,7}|x0*[0-9a-f]{1,6})'
    '|& ?(?:# ?0*[0-9]{1,7} ?;|# ?x0*[0-9a-f]{1,6} ?;|[a-z]{2,16};)'
    '|%(?:25)*[2-7][0-9a-f]|(?:\\x|\\u00|u\+00)[2-7][0-9a-f]|\\u\{0*[2-7][0-9a-f]\})';
  v_decoded private.folded_text;
begin
  if p_text collate "C" !~* v_pattern then
    return null;
  end if;
  with part as (
    select
      2 * plain.n as n,
      plain.text,
      null as sign
    from regexp_split_to_table(p_text collate "C", v_pattern, 'i')
      with ordinality as plain (text, n)
    union all
    select
      2 * entity.n + 1,
      entity.found[1],
      private.decoded_sign(entity.found[1])
    from regexp_matches(p_text collate "C", v_pattern, 'gi') with ordinality as entity (found, n)
  ),

  placed as (
    select
      part.*,
      coalesce(sum(char_length(part.text)) over (
        order by part.n rows between unbounded preceding and 1 preceding
      ), 0)::integer as start_at
    from part
  )

  select
    coalesce(string_agg(letter.glyph, '' order by letter.place), ''),
    -- The place after the last character tells where that one ends.
    array_agg(letter.place order by letter.place) || (char_length(p_text) + 1)
  into v_decoded.folded, v_decoded.origins
  from (
    select
      coalesce(placed.sign, glyph.glyph) as glyph,
      placed.start_at + glyph.n::integer as place
    from placed
    cross join lateral string_to_table(placed.text, null) with ordinality as glyph (glyph, n)
    where placed.sign is null or (glyph.n = 1 and placed.sign <> '')
  ) as letter;
  return v_decoded;
end;
$$;
comment on function private.decoded_text is 'Return a text with its entities and escapes as the signs that they stand for, the place of each sign in the text, and the place after the text. Return null for a text without any. Nothing is folded.';

create function private.decoded_sign(p_entity text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_entity constant text := lower(translate(p_entity, ' ;}', '') collate "C");
  -- Nothing is left of a sign "&" alone.
  v_name constant text := coalesce(
    nullif(regexp_replace(v_entity, '^&(?:amp)*', ''), ''), 'amp'
  );
  v_code constant integer := case
    when left(v_name, 2) = '#x' then private.code_of_hex(substr(v_name, 3))
    when left(v_name, 1) = '#' then substr(v_name, 2)::integer
    when left(v_entity, 1) <> '&' then private.code_of_hex(right(v_entity, 2))
  end;
begin
  if v_code is not null then
    -- Other numbers are no characters.
    return case
      when v_code between 1 and 55295 or v_code between 57344 and 1114111 then chr(v_code)
    end;
  end if;
  return coalesce(
    -- A letter with an accent, or of a script of mathematics.
    substring(
      v_name
      from '^([a-z])(?:acute|breve|caron|cedil|circ|fr|grave|macr|ogon|opf|ring|scr|slash|strok'
      '|tilde|uml)$'
    ),
    case
      when
        v_name in (
          'emsp', 'ensp', 'hairsp', 'nbsp', 'newline', 'nonbreakingspace', 'tab',
          'thinsp'
        )
        then ' '
      when v_name in ('lrm', 'nobreak', 'rlm', 'shy', 'zerowidthspace', 'zwj', 'zwnj') then ''
      when v_name in ('dash', 'hyphen', 'mdash', 'minus', 'ndash') then '-'
      when v_name in ('bull', 'bullet', 'centerdot', 'dot', 'middot', 'period', 'sdot') then '.'
      when v_name = 'amp' then '&'
      when v_name = 'apos' then ''''
      when v_name in ('ast', 'midast') then '*'
      when v_name = 'bsol' then '\'
      when v_name in ('verbar', 'vert', 'verticalline') then '|'
      when v_name in ('lowbar', 'underbar') then '_'
      when v_name = 'colon' then ':'
      when v_name = 'semi' then ';'
      when v_name = 'comma' then ','
      when v_name = 'commat' then '@'
      when v_name = 'num' then '#'
      when v_name = 'dollar' then '$'
      when v_name = 'plus' then '+'
      when v_name = 'equals' then '='
      when v_name = 'excl' then '!'
      when v_name = 'quest' then '?'
      when v_name = 'percnt' then '%'
      when v_name in ('frasl', 'sol') then '/'
      when v_name = 'lt' then '<'
      when v_name = 'gt' then '>'
      when v_name = 'lpar' then '('
      when v_name = 'rpar' then ')'
      when v_name in ('lbrack', 'lsqb') then '['
      when v_name in ('rbrack', 'rsqb') then ']'
      when v_name in ('lbrace', 'lcub') then '{'
      when v_name in ('rbrace', 'rcub') then '}'
      when v_name = 'quot' then '"'
    end
  );
end;
$$;
comment on function private.decoded_sign is 'Return the sign that an entity or an escape stands for, or null if it is of no use to spell a detail.';

create function private.code_of_hex(p_digits text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return ('x' || lpad(ltrim(p_digits, '0'), 8, '0'))::bit(32)::integer;
end;
$$;
comment on function private.code_of_hex is 'Return the number that up to eight hexadecimal digits write, leading zeros aside.';

create or replace function private.filter_findings(p_text text, p_stage text, p_from integer default 0)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_findings constant private.filter_finding[] := private.findings_of_text(
    p_text, p_stage, p_from
  );
  v_decoded constant private.folded_text := private.decoded_text(p_text);
begin
  if v_decoded.folded is null then
    return v_findings;
  end if;
  -- A detail may stand in the digits of the entities too, so the text counts as it is written as well.
  return array(
    select hit from unnest(v_findings) as hit
    union
    select (
      hit.rule, hit.reason_code, hit.score,
      v_decoded.origins[hit.start_at + 1] - 1,
      v_decoded.origins[hit.end_at + 1] - 1,
      hit.kind
    )::private.filter_finding
    from unnest(
      private.findings_of_text(
        v_decoded.folded,
        p_stage,
        -- The signs that end within the first p_from characters.
        (select count(*) from unnest(v_decoded.origins[2:]) as next where next <= p_from + 1)::integer
      )
    ) as hit
  );
end;
$$;
comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, as it is written and with its entities decoded, with the spans in the text. It leaves out spans that end within the first p_from characters, as findings_of_text does.';

create function private.findings_of_text(p_text text, p_stage text, p_from integer default 0)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text := private.fold_text(p_text);
  v_tokens private.filter_token[] := private.filter_tokens(v_reading.folded);
  v_findings private.filter_finding[] := private.findings_of_reading(
    v_reading, v_tokens, p_stage, p_from
  );
  v_has_inner boolean;
begin
  foreach v_reading in array private.other_readings(v_reading, v_tokens) loop
    v_tokens := private.filter_tokens(v_reading.folded);
    v_findings := v_findings || private.findings_of_reading(
      v_reading, v_tokens, p_stage, p_from
    );
  end loop;
  if v_findings = '{}' then
    return v_findings;
  end if;
  select
    array_agg(
      (hit.rule, hit.reason_code, hit.score, hit.start_at, hit.end_at, hit.kind)
      ::private.filter_finding
    ),
    bool_or(hit.end_at <= hit.end_before)
  into v_findings, v_has_inner
  from (
    select
      part.*,
      max(part.end_at) over wider as end_before,
      max(part.score) over wider as score_before
    from unnest(v_findings) as part
    window wider as (
      partition by part.reason_code
      order by part.start_at, part.end_at desc, part.score desc, part.rule
      rows between unbounded preceding and 1 preceding
    )
  ) as hit
  -- A milder finding inside a wider one says nothing new.
  where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before;
  if v_has_inner and p_from > 0 then
    -- A finding before p_from may be as strong as one inside a wider one, which then says nothing
    -- new either.
    return private.findings_of_text(p_text, p_stage);
  end if;
  return v_findings;
end;
$$;
comment on function private.findings_of_text is 'Return the rules that a text breaks at a stage, with the spans in the text. It leaves out the spans that end within the first p_from characters, if they change nothing in the others.';
