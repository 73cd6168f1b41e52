-- This migration cleans texts, and makes the message filter work, which reads them.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Text: functions.

-- These functions clean text from users. Each field uses one of plain_line, plain_text and
-- display_name_refusal. Patterns name their ranges and use collation C, so the locale of the
-- database has no influence.
create function private.plain_text(p_text text, p_max_chars integer default 4096)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_text text;
  v_before text;
begin
  if private.is_oversized(p_text, p_max_chars) then
    return null;
  end if;
  v_text := private.without_hidden_characters(p_text);
  -- The removal of one tag may form another, so the loop repeats it. Text with deeper nesting keeps
  -- its brackets, which with_inert_brackets makes harmless.
  for v_pass in 1..6 loop
    exit when strpos(v_text, '<') = 0;
    v_before := v_text;
    v_text := private.without_hidden_characters(private.without_tags(v_text));
    exit when v_text = v_before;
  end loop;
  return btrim(
    private.with_inert_brackets(v_text),
    E' \n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f'
    || E'\u2800\u3000'
  );
end;
$$;
comment on function private.plain_text is 'Return text of several lines without markup, hidden characters and the blanks around it. Return null if it is far longer than p_max_chars, before any other work. The caller checks the final length.';

create function private.plain_line(p_text text, p_max_chars integer default 140)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  if private.is_oversized(p_text, p_max_chars) then
    return null;
  end if;
  return private.plain_text(
    translate(p_text, E'\r\n\t\u000b\u000c\u0085\u2028\u2029', '        '), p_max_chars
  );
end;
$$;
comment on function private.plain_line is 'Return text of one line: as plain_text, with a space for each line break and tab.';

create function private.plain_reason(p_reason text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_reason is null then
    return null;
  end if;
  return nullif(left(private.plain_line(p_reason, 500), 500), '');
end;
$$;
comment on function private.plain_reason is 'Return a reason as one line of at most 500 characters. Return null if the line is empty, or if the text is far longer.';

create function private.reason_refusal(p_reason text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when
      coalesce(private.visible_length(private.plain_reason(p_reason)), 0) < 10
      or char_length(p_reason) > 500
      then private.refusal('VALIDATION_ERROR', 'A reason has 10 to 500 characters')
  end;
end;
$$;
comment on function private.reason_refusal is 'Return the refusal of a reason that has fewer than 10 visible characters or more than 500, or null.';

create function private.is_oversized(p_text text, p_max_chars integer)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Markup may need more room than the text in it. A character has at most four bytes, and
  -- Postgres knows the count of bytes without reading them.
  return octet_length(p_text) > 4 * (2 * p_max_chars + 1024)
    or char_length(p_text) > 2 * p_max_chars + 1024;
end;
$$;
comment on function private.is_oversized is 'Return true if a text is so long that no cleaning makes it fit. Only its length is read.';

create function private.without_hidden_characters(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_text text;
begin
  if p_text collate "C" ~ '^[ -~]*$' then
    return p_text;
  end if;
  v_text := translate(
    replace(p_text, E'\r\n', E'\n'),
    E'\r\u000b\u000c\u0085\u2028\u2029\t', E'\n\n\n\n\n\n '
  );
  -- Remove control and format characters, bidirectional controls and fillers without a glyph.
  v_text := regexp_replace(
    v_text collate "C",
    '[\u0001-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f'
    '\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e'
    '\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f'
    '\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e00ff'
    '\U000e01f0-\U000e0fff]',
    '', 'g'
  );
  -- A variation selector changes the visible character before it, so remove one without such a
  -- character.
  v_text := regexp_replace(
    v_text collate "C",
    '(?<![^ \n\u00a0\u1680\u2000-\u200d\u202f\u205f\u2800\u3000\ufe00-\ufe0f\U000e0100-\U000e01ef])'
    '[\ufe00-\ufe0f\U000e0100-\U000e01ef]',
    '', 'g'
  );
  -- A joiner connects emoji, or letters of scripts that shape them. Elsewhere it is invisible, so
  -- remove it.
  return regexp_replace(
    v_text collate "C",
    '(?<![\u0600-\u167f\u1681-\u1fff\u20d0-\u27ff\u2801-\u2fff\u3001-\U000e01ef])[\u200c\u200d]'
    '|[\u200c\u200d](?![\u0600-\u167f\u1681-\u1fff\u20d0-\u27ff\u2801-\u2fff\u3001-\ufdff'
    '\ufe10-\U000e00ff])',
    '', 'g'
  );
end;
$$;
comment on function private.without_hidden_characters is 'Return text without characters that have no glyph or change the order of others. Line breaks become \n. Emoji sequences and shaped scripts keep their joiners.';

create function private.without_tags(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_name constant text := '[\s/]*[a-z_:@][a-z0-9_.:@-]*';
  v_value constant text := '\s*=\s*(?:"[^"]*"|''[^'']*''|[^\s>"''][^\s>]*)';
  v_switch constant text := '[\s/]+(?:allowfullscreen|async|autofocus|autoplay|checked|controls'
    '|default|defer|disabled|hidden|inert|ismap|loop|multiple|muted|nomodule|noshade|novalidate'
    '|nowrap|open|readonly|required|reversed|scoped|selected)(?![a-z0-9_-])';
  -- These attributes have an effect on an element of any name.
  v_acts constant text := '(?=[a-z][^<>]*[\s/"''](?:on[a-z]{3,}|style|srcdoc|src|href|xlink:href'
    '|action|formaction)\s*=)';
  v_block text;
  v_text text := p_text collate "C";
begin
  -- Here and below, the first quantifier of a pattern decides whether the whole pattern is greedy.
  foreach v_block in array array['script', 'style'] loop
    v_text := regexp_replace(
      v_text,
      '<' || v_block || '(?:(?:' || v_switch || ')+|[\s/][^<>]*=[^<>]*)??[\s/]*>.*?(?:</' || v_block
      || '(?:[\s/][^<>]*)?>|$)',
      '', 'gi'
    );
  end loop;
  -- The text around a block may form another one, so the next pass looks for blocks again.
  if v_text <> p_text then
    return v_text;
  end if;
  v_text := regexp_replace(v_text, '<!--.*?-->', '', 'g');
  v_text := regexp_replace(v_text, '<[!?][a-z\[-][^<>]*>', '', 'gi');
  -- A word without a value is no attribute, unless it is one of the switches. So "<a fine teapot>"
  -- stays as text.
  v_text := regexp_replace(
    v_text,
    '</?(?:' || private.html_elements() || ')(?:(?=[\s/])(?:' || v_switch || '|' || v_name
    || v_value || ')*)?[\s/]*>',
    '', 'gi'
  );
  v_text := regexp_replace(
    v_text, '<' || v_acts || '[a-z](?:[^<>"'']|"[^"]*"|''[^'']*'')*>', '', 'gi'
  );
  -- If a tag has no end, a browser ends it at the next bracket of the page.
  return regexp_replace(
    v_text,
    '<' || v_acts || '[a-z][^\s/<>]*(?:(?:' || v_name || ')*' || v_name
    || '\s*=\s*(?:"[^"]*"|''[^'']*''|["''][^"''<>]*(?:>|$)|[^\s<>"''][^\s<>]*))+',
    '', 'gi'
  );
end;
$$;
comment on function private.without_tags is 'Return text without its script and style blocks. Text without such a block loses its comments, its tags of known elements, and its tags of any name that have a handler or a link.';

create function private.with_inert_brackets(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_text text := p_text;
begin
  if strpos(v_text, '<') = 0 then
    return v_text;
  end if;
  -- Elements of one letter only format text, so "a<b and c>d" may stay.
  v_text := regexp_replace(
    v_text collate "C",
    '<((?!/?[abipqsu](?:\s+[^\s/>]|\s*$))/?(?:' || private.html_elements() || ')(?:[\s/>]|$)'
    || '|[!?][a-z\[-])',
    '< \1', 'gi'
  );
  -- "<about 40 mm" is harmless to a browser too, unless an attribute follows before the next ">".
  return (
    select
      string_agg(
        regexp_replace(left(piece.part, equals.at) collate "C", '<(?=/?[a-z])', '< ', 'gi')
        || substr(piece.part, equals.at + 1),
        '>' order by piece.n
      )
    from
      string_to_table(v_text, '>') with ordinality as piece (part, n),
      lateral (
        select
          coalesce(
            char_length(piece.part) + 1 - nullif(strpos(reverse(piece.part), '='), 0), 0
          ) as at
      ) as equals
  );
end;
$$;
comment on function private.with_inert_brackets is 'Return text with a space after each bracket that a browser could read as the start of a tag that acts. No word is lost.';

create function private.html_elements()
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return 'a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|bgsound'
    '|big|blink|blockquote|body|br|button|canvas|caption|center|cite|code|col|colgroup|data'
    '|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font'
    '|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|image|img|input|ins'
    '|isindex|kbd|keygen|label|legend|li|link|listing|main|map|mark|marquee|math|menu|menuitem'
    '|meta|meter|nav|nobr|noembed|noframes|noscript|object|ol|optgroup|option|output|p|param'
    '|picture|plaintext|pre|progress|q|rb|rp|rt|rtc|ruby|s|samp|script|search|section|select|slot'
    '|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea'
    '|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr|xmp';
end;
$$;
comment on function private.html_elements is 'Return the names of HTML elements, current and obsolete, as alternatives of a pattern.';

create function private.visible_length(p_text text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return char_length(
    regexp_replace(
      regexp_replace(
        p_text collate "C",
        '[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff'
        '\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]',
        '', 'g'
      ),
      '[ \n\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]+', ' ', 'g'
    )
  );
end;
$$;
comment on function private.visible_length is 'Count the characters that a reader sees: a run of blanks is one, combining marks and joiners are none.';

create function private.display_name_refusal(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- A name may contain no blank but the space, no joiner and no variation selector. So names that
  -- look alike are equal.
  if
    coalesce(
      octet_length(p_name) > 160
      or char_length(p_name) > 40
      or p_name <> private.plain_line(p_name)
      or private.visible_length(p_name) < 3
      or p_name collate "C"
      ~ '[\u00a0\u1680\u2000-\u200d\u202f\u205f\u2800\u3000\ufe00-\ufe0f\U000e0100-\U000e01ef]',
      true
    )
  then
    return 'Display name must be 3 to 40 visible characters';
  end if;
  -- The default name has six hexadecimal digits, which can look like a phone number.
  if
    p_name collate "C" !~ '^(member|deleted)-[0-9a-f]{6}$'
    and cardinality(private.filter_findings(p_name, 'name')) > 0
  then
    return 'Display name must not contain contact details';
  end if;
  return null;
end;
$$;
comment on function private.display_name_refusal is 'Return a text for people about the rule that a public name breaks, or null if the name is allowed.';

create function private.time_or_null(p_text text)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  -- With an offset and this order of fields, the text means the same in every session.
  if
    p_text collate "C" ~* (
      '^2[0-9]{3}-[0-9]{2}-[0-9]{2}[t ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?'
      '(z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$'
    )
  then
    return p_text::timestamptz;
  end if;
  return null;
exception
  when datetime_field_overflow then
    return null;
end;
$$;
comment on function private.time_or_null is 'Return the time that a text in ISO 8601 names, or null unless it has date, time of day and offset and is in the years 2000 to 2999.';

create function private.times_refusal(p_start_at text, p_end_at text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_field constant text := case
    when p_start_at is not null and private.time_or_null(p_start_at) is null then 'start_at'
    when p_end_at is not null and private.time_or_null(p_end_at) is null then 'end_at'
  end;
begin
  if v_field is null then
    return null;
  end if;
  return private.refusal(
    'VALIDATION_ERROR', 'A time needs date and offset, as in 2026-12-02T20:00:00+11:00'
  ) || jsonb_build_object('field', v_field);
end;
$$;
comment on function private.times_refusal is 'Return the refusal of a start or end that is not a time with an offset, or null. A missing time passes.';

-- Filter: functions.

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

create function private.fold_text(p_text text)
returns private.folded_text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_folded private.folded_text;
  v_glyphs text;
  v_signs text;
begin
  if octet_length(p_text) = char_length(p_text) then
    v_folded.folded := lower(p_text collate "C");
    return v_folded;
  end if;
  select
    string_agg(sign.glyph, '' order by sign.glyph),
    string_agg(coalesce(known.folded, ' '), '' order by sign.glyph)
  into v_glyphs, v_signs
  from (
    select distinct part.glyph
    from string_to_table(p_text, null) as part (glyph)
    where octet_length(part.glyph) > 1
  ) as sign
  left join private.filter_characters as known
    on known.glyph = sign.glyph
  having bool_and(char_length(coalesce(known.folded, ' ')) = 1);
  if found then
    v_folded.folded := translate(lower(p_text collate "C"), v_glyphs, v_signs);
    return v_folded;
  end if;
  select
    coalesce(string_agg(substr(letter.folded, place, 1), '' order by letter.n, place), ''),
    array_agg(letter.n order by letter.n, place)
  into v_folded.folded, v_folded.origins
  from (
    select
      part.n::integer as n,
      case
        when octet_length(part.glyph) = 1 then lower(part.glyph collate "C")
        else coalesce(known.folded, ' ')
      end as folded
    from string_to_table(p_text, null) with ordinality as part (glyph, n)
    left join private.filter_characters as known
      on octet_length(part.glyph) > 1 and known.glyph = part.glyph
  ) as letter
  cross join lateral generate_series(1, char_length(letter.folded)) as place;
  return v_folded;
end;
$$;
comment on function private.fold_text is 'Fold a text into lower-case ASCII as a reader sees it. Each character keeps its place in the original.';

create function private.other_readings(
  p_folded private.folded_text, p_tokens private.filter_token[]
)
returns private.folded_text[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text := p_folded;
  v_readings private.folded_text[] := '{}';
  v_is_reversed boolean := private.has_reversed_words(p_tokens);
begin
  if private.has_spaced_letters(p_tokens) then
    v_reading := private.without_spaces(p_folded, p_tokens);
    v_readings := array[v_reading];
    v_is_reversed := v_is_reversed or private.has_reversed_words(
      private.filter_tokens(v_reading.folded)
    );
  end if;
  if v_is_reversed then
    v_readings := v_readings || private.reversed_text(v_reading);
  end if;
  return v_readings;
end;
$$;
comment on function private.other_readings is 'Return a text without the separators between single letters if it has letters that stand alone, and from its end if it has words from their end.';

create function private.has_reversed_words(p_tokens private.filter_token[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from unnest(p_tokens) as token
    inner join private.filter_words as known
      on known.word = token.word and known.class = 'reversed'
  );
end;
$$;
comment on function private.has_reversed_words is 'Return true if a text has a word that is written from its end.';

create function private.has_spaced_letters(p_tokens private.filter_token[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return exists (
    select
    from (
      select
        token.n - row_number() over (order by token.n) as run,
        token.word
      from unnest(p_tokens) as token
      where char_length(token.word) = 1
    ) as letter
    group by letter.run
    having count(*) > 3 and count(*) filter (where letter.word >= 'a') > 2
  );
end;
$$;
comment on function private.has_spaced_letters is 'Return true if a text has four letters or digits that stand alone in a row, of which three are letters.';

create function private.without_spaces(
  p_reading private.folded_text, p_tokens private.filter_token[]
)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_joined private.folded_text;
begin
  with piece as (
    select
      token.n,
      coalesce(sum(char_length(token.word) + char_length(token.gap)) over (
        order by token.n rows between unbounded preceding and 1 preceding
      ), 0)::integer as start_at,
      token.word || case
        when
          char_length(token.word || token.next_word) <> 2
          or char_length(token.word) <> 1
          or 1 not in (
            coalesce(char_length(lag(token.word) over sequence), 0),
            coalesce(char_length(lead(token.word, 2) over sequence), 0)
          )
          then token.gap
        when char_length(token.gap) = 1 then ''
        when btrim(token.gap) = '' then ' '
        else btrim(token.gap)
      end as text
    from unnest(p_tokens) as token
    window sequence as (order by token.n)
  )

  select
    string_agg(substr(piece.text, place, 1), '' order by piece.n, place),
    array_agg(
      coalesce(p_reading.origins[piece.start_at + place], piece.start_at + place)
      order by piece.n, place
    )
  into v_joined.folded, v_joined.origins
  from piece
  cross join lateral generate_series(1, char_length(piece.text)) as place;
  return v_joined;
end;
$$;
comment on function private.without_spaces is 'Return a text without the separators between single letters.';

create function private.reversed_text(p_reading private.folded_text)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_reversed private.folded_text;
begin
  v_reversed.folded := reverse(p_reading.folded);
  v_reversed.origins := array(
    select coalesce(p_reading.origins[place], place)
    from generate_series(char_length(p_reading.folded), 1, -1) as place
  );
  return v_reversed;
end;
$$;
comment on function private.reversed_text is 'Return a text from its end to its start.';

create function private.placed_marks(p_marks private.filter_mark[])
returns private.placed_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with seen as materialized (
      select distinct mark.class, mark.first, mark.last
      from unnest(p_marks) as mark
    ),

    stops as materialized (
      select coalesce(array_agg(seen.first order by seen.first), '{}') as places
      from seen
      where seen.class = 'pause'
    )

    select array_agg((
      seen.class, seen.first, seen.last, width_bucket(seen.first, stops.places)
    )::private.placed_mark)
    from seen
    cross join stops
    -- "why not" and "no worries" deny nothing.
    where seen.class <> 'neg' or not exists (
      select from seen as other
      where other.class = 'positive' and other.first <= seen.first and other.last >= seen.last
    )
  );
end;
$$;
comment on function private.placed_marks is 'Return the marks with the clause in which each stands, without the denials that are part of an affirmation.';

create function private.possible_rules(p_marks private.filter_mark[], p_stage text)
returns private.filter_rules[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_classes constant text[] := array(select distinct mark.class from unnest(p_marks) as mark);
begin
  return (
    select array_agg(candidate)
    from private.filter_rules as candidate
    where
      -- The first class alone rules out most.
      candidate.pattern[1] = any(v_classes) and candidate.pattern <@ v_classes
      and candidate.active and p_stage = any(candidate.stage)
  );
end;
$$;
comment on function private.possible_rules is 'Return the rules of this stage for whose pattern a text has a mark of each class, or null.';

create function private.rule_hits(
  p_marks private.placed_mark[], p_rules private.filter_rules[]
)
returns private.rule_hit[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with mark as materialized (
      select * from unnest(p_marks) as mark
    ),

    -- Rows for the two stretches of 64 words in which a mark can be near. They let the joins below
    -- compare few pairs, so that the time grows with the text and not with its square.
    near as materialized (
      select mark.class, mark.first, mark.last, mark.clause, mark.first / 128 - shift as stretch
      from mark
      cross join generate_series(0, 1) as shift
    )

    select array_agg(distinct (
      rule.rule, rule.kind, rule.reason_code, rule.weight, rule.unless, rule.unless_near,
      one.clause,
      coalesce(four.clause, three.clause, two.clause, one.clause),
      one.first,
      coalesce(four.last, three.last, two.last, one.last),
      -- The span has the detail alone, without the words that announce it.
      case when one.class like '%\_cue' then two.first else one.first end,
      case
        when four.class is null and three.class is null and two.class like '%\_cue' then one.last
        else coalesce(four.last, three.last, two.last, one.last)
      end
    )::private.rule_hit)
    from unnest(p_rules) as rule
    inner join mark as one on one.class = rule.pattern[1]
    left join near as two
      on two.class = rule.pattern[2] and two.stretch = one.last / 128
      and two.first between one.last + 1 and one.last + 2 * rule.gap + 2
    left join near as three
      on three.class = rule.pattern[3] and three.stretch = two.last / 128
      and three.first between two.last + 1 and two.last + 2 * rule.gap + 2
    left join near as four
      on four.class = rule.pattern[4] and four.stretch = three.last / 128
      and four.first between three.last + 1 and three.last + 2 * rule.gap + 2
    where (two.class is not null)::integer + (three.class is not null)::integer
      + (four.class is not null)::integer + 1 = cardinality(rule.pattern)
  );
end;
$$;
comment on function private.rule_hits is 'Return each place at which the marks stand as the pattern of a rule of this stage asks.';

create function private.standing_hits(p_hits private.rule_hit[], p_marks private.placed_mark[])
returns private.rule_hit[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array(
    with near as materialized (
      select mark.class, mark.first, mark.last, mark.clause, mark.first / 128 - shift as stretch
      from unnest(p_marks) as mark
      cross join generate_series(0, 1) as shift
    ),

    standing as (
      select
        hit,
        hit.last,
        max(hit.last) over (
          partition by hit.rule order by hit.first, hit.last desc
          rows between unbounded preceding and 1 preceding
        ) as last_before
      from unnest(p_hits) as hit
      where not exists (
        select from near
        where near.class = hit.unless and near.stretch = (hit.first - 8) / 128
          and near.last >= hit.first - 8 and near.first <= hit.last
          and near.clause between hit.clause and hit.last_clause
      ) and not exists (
        select from near
        where near.class = hit.unless_near and near.stretch = (hit.first - 8) / 128
          and near.last >= hit.first - 8 and near.first <= hit.last + 8
          and near.clause between hit.clause and hit.last_clause
      )
    )

    select standing.hit
    from standing
    -- A match inside a wider one of the same rule says nothing new.
    where standing.last_before is null or standing.last_before < standing.last
  );
end;
$$;
comment on function private.standing_hits is 'Return the hits that no mark of their rule''s unless and unless_near voids, without those inside a wider hit of the same rule.';

create function private.spanned_findings(
  p_hits private.rule_hit[], p_tokens private.filter_token[]
)
returns private.filter_finding[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_starts integer[];
  v_ends integer[];
  -- The words after which a blank stands. A detail is hidden with all that is joined to it.
  v_blanks integer[];
begin
  select
    array_agg(place.start_at order by place.n),
    array_agg(place.start_at + place.length order by place.n),
    array_agg(place.n order by place.n) filter (where place.is_blank)
  into v_starts, v_ends, v_blanks
  from (
    select
      token.n,
      char_length(token.word) as length,
      coalesce(sum(char_length(token.word) + char_length(token.gap)) over (
        order by token.n rows between unbounded preceding and 1 preceding
      ), 0)::integer as start_at,
      translate(token.gap, E' \n\t', '') <> token.gap as is_blank
    from unnest(p_tokens) as token
  ) as place;
  v_blanks := coalesce(v_blanks, '{}');
  return (
    select array_agg((
      hit.rule, hit.reason_code, hit.weight,
      v_starts[
        case
          when hit.kind = 'proposal' then greatest(hit.span_first / 2, 1)
          else 1 + coalesce(
            v_blanks[width_bucket(greatest(hit.span_first / 2, 1) - 1, v_blanks)], 0
          )
        end
      ],
      v_ends[least(
        case
          when hit.kind = 'proposal' then (hit.span_last + 1) / 2
          else coalesce(
            v_blanks[width_bucket((hit.span_last + 1) / 2 - 1, v_blanks) + 1],
            cardinality(p_tokens)
          )
        end,
        cardinality(p_tokens)
      )],
      hit.kind
    )::private.filter_finding)
    from unnest(p_hits) as hit
  );
end;
$$;
comment on function private.spanned_findings is 'Return findings with the span in the folded text of each hit.';

create function private.tokens_in_reach(
  p_reading private.folded_text, p_tokens private.filter_token[],
  p_numbers private.filter_mark[], p_from integer
)
returns private.filter_token[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_first integer;
  v_last integer;
  v_margin integer;
begin
  if p_from = 0 then
    return p_tokens;
  end if;
  select min(place.n), max(place.n)
  into v_first, v_last
  from (
    select
      token.n,
      coalesce(sum(char_length(token.word) + char_length(token.gap)) over (
        order by token.n rows between unbounded preceding and 1 preceding
      ), 0) + 1 as first_place,
      sum(char_length(token.word) + char_length(token.gap)) over (order by token.n)
      - char_length(token.gap) as last_place
    from unnest(p_tokens) as token
  ) as place
  where
    case
      when p_reading.origins is null then place.last_place
      else greatest(
        p_reading.origins[place.first_place], p_reading.origins[place.last_place]
      )
    end > p_from;
  v_margin := (select max(rules.gap) + 6 from private.filter_rules as rules where rules.active);
  -- A rule has up to four marks, and others that void it beside the first and the last. A mark has
  -- up to four words, or is a number of any length.
  for _ in 1..5 loop
    select
      least(v_first - v_margin, min(mark.first) / 2),
      greatest(v_last + v_margin, max(mark.last) / 2)
    into v_first, v_last
    from unnest(p_numbers) as mark
    where mark.last >= 2 * (v_first - v_margin) and mark.first <= 2 * (v_last + v_margin) + 1;
  end loop;
  return p_tokens[greatest(v_first, 1):v_last];
end;
$$;
comment on function private.tokens_in_reach is 'Return the words that can be part of a finding that ends after p_from characters of the original text, or can void one.';

create function private.findings_of_reading(
  p_reading private.folded_text, p_tokens private.filter_token[], p_stage text, p_from integer
)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_numbers constant private.filter_mark[] := private.number_marks(p_tokens);
  v_near constant private.filter_token[] := private.tokens_in_reach(
    p_reading, p_tokens, v_numbers, p_from
  );
  v_marks constant private.filter_mark[] := private.word_marks(v_near)
    || private.disguised_word_marks(v_near) || private.separator_marks(v_near)
    || private.code_marks(v_near) || private.glued_marks(v_near) || v_numbers;
  v_rules constant private.filter_rules[] := private.possible_rules(v_marks, p_stage);
  v_placed private.placed_mark[];
  v_findings private.filter_finding[];
begin
  -- Most messages end here.
  if v_rules is null then
    return '{}';
  end if;
  v_placed := private.placed_marks(v_marks);
  v_findings := private.spanned_findings(
    private.standing_hits(private.rule_hits(v_placed, v_rules), v_placed), p_tokens
  );
  if p_reading.origins is not null then
    v_findings := array(
      select (
        hit.rule, hit.reason_code, hit.score,
        least(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]) - 1,
        greatest(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]),
        hit.kind
      )::private.filter_finding
      from unnest(v_findings) as hit
    );
  end if;
  return array(select hit from unnest(v_findings) as hit where hit.end_at > p_from);
end;
$$;
comment on function private.findings_of_reading is 'Return the rules that one reading of a text breaks, with the spans in the text as it was written. All spans end after p_from characters.';

create function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces constant text[] := private.number_pieces(p_tokens);
  v_text constant text := array_to_string(v_pieces, '');
  v_digits text;
  v_starts integer[];
begin
  if private.digit_count(v_text) < 6 then
    return '{}';
  end if;
  v_digits := translate(v_text, 'ABCDEFGHIJabcdefghij', '0123456789||||||||||');
  if private.digit_count(v_text) < 9 and not private.has_long_number(v_digits) then
    return '{}';
  end if;
  v_starts := (
    select array_agg(place.start_at order by place.n)
    from (
      select
        piece.n,
        1 + coalesce(sum(char_length(piece.text)) over (
          order by piece.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at
      from unnest(v_pieces) with ordinality as piece (text, n)
    ) as place
  );
  return private.phone_shapes(v_digits, v_starts)
  || private.weak_shapes(v_digits, v_starts)
  || case
    when translate(v_text, 'abcdefghij', '') <> v_text
      then private.phone_shapes(
        translate(v_text, 'ABCDEFGHIJabcdefghij', '01234567890123456789'), v_starts
      )
  end
  || private.described_numbers(v_digits, v_starts)
  || case
    when translate(v_text, 'ABCDEFGHIJ', '') <> v_text
      then private.described_numbers(
        translate(v_text, 'ABCDEFGHIJabcdefghij', '||||||||||||||||||||'), v_starts
      )
  end
  || private.mobile_parts(p_tokens, v_digits, v_starts);
end;
$$;
comment on function private.number_marks is 'Return the numbers of a text, each with the class of its shape. Words with another meaning, such as "for", count as digits in a second try.';

create function private.has_long_number(p_digits text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_digits ~ '[0-9](?:[^0-9|]*[0-9]){5}';
end;
$$;
comment on function private.has_long_number is 'Return true if six digits stand in a text of pieces without a word between them. Shorter numbers have no shape, unless a sentence describes at least nine digits.';

create function private.digit_count(p_pieces text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return char_length(translate(p_pieces, '| ~,^.-', ''));
end;
$$;
comment on function private.digit_count is 'Return the number of digits in a text of pieces.';

create function private.phone_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  if private.digit_count(p_digits) < 10 or not private.has_long_number(p_digits) then
    return '{}';
  end if;
  -- Two digits may have blanks, amounts and separators between them. A word, which is a bar, ends a
  -- number.
  return private.shape_marks(
    p_digits, p_starts, '{mobile,landline,freecall}',
    '[ |~,^.-](?:('
    '(?:0[ ~,^.-]*0[ ~,^.-]*(?:1[ ~,^.-]*1[ ~,^.-]*)?)?6[ ~,^.-]*1[ ~,^.-]*(?:0[ ~,^.-]*)?'
    '4(?:[ ~,^.-]*[0-9]){8}'
    '|0[ ~,^.-]*4(?:[ ~,^.-]*[0-9]){8})'
    '|('
    '(?:0[ ~,^.-]*0[ ~,^.-]*(?:1[ ~,^.-]*1[ ~,^.-]*)?)?6[ ~,^.-]*1[ ~,^.-]*(?:0[ ~,^.-]*)?'
    '[2378](?:[ ~,^.-]*[0-9]){8}'
    '|0[ ^]*[2378](?:[ ~,^.-]*[0-9]){8}'
    '|0[ ~,^.-]+[2378](?:[ ~,^.-]+[0-9]){8})'
    '|(1[ ,.-]*[38][ ,.-]*0[ ,.-]*0(?:[ ,.-]*[0-9]){6}))[ |~,^.-]'
  );
end;
$$;
comment on function private.phone_shapes is 'Return the full phone numbers in a text of pieces.';

create function private.weak_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  if not private.has_long_number(p_digits) then
    return '{}';
  end if;
  return private.shape_marks(
    p_digits, p_starts, '{backwards,bare_mobile,bare_digits,short_number,bare_landline}',
    '[ |](?:((?:[0-9][ ~,^.-]*){8}(?:4[ ~,^.-]*0|4[ ~,^.-]*1[ ~,^.-]*6))'
    '|(4[0-9]{8}|4(?: +[0-9]){8}|4[0-9]{2}[ .-]+[0-9]{3}[ .-]+[0-9]{3}|4[0-9]{2}[ .-]+[0-9]{6})'
    '|(4(?:[ ,^.-]*[0-9]){8})'
    '|(1[ ,]*3(?:[ ,]*[0-9]){4}))[ |,.-]'
    -- No digit stands before or after a local number.
    '|(?:^|[|,.]) *([3-9][0-9]{3} +(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2})) *(?:[|,.]|$)'
  ) || private.shape_marks(
    p_digits, p_starts, '{card_solid,card,bsb_account,bank_account,abn_digits,account_digits}',
    '[ |,](?:([2-6][0-9]{15}|3[47][0-9]{13}|3[068][0-9]{12})'
    '|([2-6](?:[ .-]*[0-9]){15}|3[ .-]*[47](?:[ .-]*[0-9]){13})'
    '|([0-9]{3}- *[0-9]{3}[ ,]+[0-9](?:[ .-]*[0-9]){5,9})'
    '|((?:[0-9][ ,^.-]*){6} [0-9](?:[ ^.-]*[0-9]){5,9})'
    '|([0-9](?:[ .-]*[0-9]){10})'
    '|([0-9](?:[ ^-]*[0-9]){5,9}))[ |,^]'
  ) || private.shape_marks(
    p_digits, p_starts, '{seven_digits}', '[ |,^]([0-9](?:[ ^.,-]*[0-9]){6,})[ |,^]'
  );
end;
$$;
comment on function private.weak_shapes is 'Return numbers in a text of pieces that are phone, bank or card numbers if the words around them say so.';

create function private.described_numbers(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  -- A hash in each stretch of more than 40 signs without a digit ends a number there. Counts in the
  -- pattern would cost more.
  v_digits constant text := regexp_replace(
    p_digits, '([^0-9]{20})[^0-9]([^0-9]{20})', '\1#\2', 'g'
  );
begin
  if private.digit_count(p_digits) < 9 then
    return '{}';
  end if;
  return private.shape_marks(
    p_digits, p_starts, '{scattered_mobile}',
    '[ |,]((?:6[^0-9~]{0,4}1[^0-9~]{0,7}|0[^0-9~]{0,7})4(?:[^0-9~]{0,7}[0-9]){8})[ |,.-]'
  ) || private.shape_marks(
    v_digits, p_starts, '{described_mobile,described_landline,described_bare,tail_and_head}',
    '[ |~,](?:((?:6[^0-9]{0,9}1[^0-9]{0,24}|0[^0-9]{0,24})4(?:[^0-9#]*[0-9]){8})'
    '|(0[^0-9]{0,24}[2378](?:[^0-9#]*[0-9]){8})'
    '|(4(?:[^0-9#]*[0-9]){8})'
    '|([0-9](?:[ .-]*[0-9]){2}[^0-9#]+[0-9](?:[ .-]*[0-9]){2}[^0-9#]+0 *4 *[0-9] *[0-9]'
    '|[0-9](?:[ .-]*[0-9]){5}[^0-9#]+0 *4 *[0-9] *[0-9]))[ |~,]'
  );
end;
$$;
comment on function private.described_numbers is 'Return the phone numbers in a text of pieces whose digits have words between them.';

create function private.mobile_parts(
  p_tokens private.filter_token[], p_digits text, p_starts integer[]
)
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_first integer;
  v_last integer;
begin
  if
    private.digit_count(p_digits) <> 10
    or strpos('|' || translate(p_digits, ' ~,^.-', ''), '|04') = 0
  then
    return '{}';
  end if;
  if
    not exists (
      select from unnest(p_tokens) as token
      inner join private.filter_words as known
        on known.word = token.word and known.class = 'number_cue'
    )
  then
    return '{}';
  end if;
  v_first := char_length(p_digits) - char_length(ltrim(p_digits, '| ~,^.-')) + 1;
  v_last := char_length(rtrim(p_digits, '| ~,^.-'));
  return array[
    (
      'mobile_parts', 2 * width_bucket(v_first, p_starts), 2 * width_bucket(v_last, p_starts)
    )::private.filter_mark
  ];
end;
$$;
comment on function private.mobile_parts is 'Return the span of all digits of a text if they are the ten of a mobile number in any order of its parts, and a word such as "first" or "ends" tells the order.';

create function private.shape_marks(
  p_digits text, p_starts integer[], p_classes text[], p_pattern text
)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_digits constant text := ' ' || p_digits || ' ';
  v_marks private.filter_mark[] := '{}';
  v_found text[];
  v_from integer := 1;
  v_place integer;
  v_n integer;
begin
  for v_found in select regexp_matches(v_digits, p_pattern, 'g') loop
    v_n := array_position(v_found, array_to_string(v_found, ''));
    v_place := v_from - 1 + strpos(substr(v_digits, v_from), v_found[v_n]);
    v_from := v_place + char_length(v_found[v_n]);
    if p_classes[v_n] not in ('card', 'card_solid') or private.is_luhn(v_found[v_n]) then
      v_marks := v_marks || (
        p_classes[v_n],
        -- The text has one blank more in front than the pieces.
        2 * width_bucket(v_place - 1, p_starts),
        2 * width_bucket(v_from - 2, p_starts)
      )::private.filter_mark;
    end if;
  end loop;
  return v_marks;
end;
$$;
comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers. Exactly one group of the pattern matches.';

create function private.is_luhn(p_digits text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select sum(
      case
        when digit.n % 2 = 1 then digit.glyph::integer
        else digit.glyph::integer * 2 / 10 + digit.glyph::integer * 2 % 10
      end
    ) % 10 = 0
    from
      string_to_table(reverse(translate(p_digits, ' .-', '')), null)
      with ordinality as digit (glyph, n)
  );
end;
$$;
comment on function private.is_luhn is 'Return true if the digits have the check digit of a card number.';

create function private.is_spelled(p_word text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_word ~ '^(?:zero|one|two|three|four|five|six|seven|eight|nine|ohh?|won|too|tree|for|ate'
    '|free|n[ao]ught|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|double|triple)+$';
end;
$$;
comment on function private.is_spelled is 'Return true if a word is made of number words.';

create function private.spell_out(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_words constant text[] := array[
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ohh', 'won',
    'too', 'tree', 'for', 'oh', 'ate', 'free', 'nought', 'naught'
  ];
  v_digits constant text := 'ABCDEFGHIJABCDEAIDAA';
  v_tens constant text[] := array[
    'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'
  ];
  v_text text := p_word;
begin
  if strpos(v_text, 'ty') > 0 then
    for v_n in 1..8 loop
      v_text := replace(v_text, v_tens[v_n], chr(66 + v_n) || '#');
    end loop;
    v_text := replace(regexp_replace(v_text, '#([1-9]|[a-z])', '\1', 'g'), '#', 'A');
  end if;
  for v_n in 1..cardinality(v_words) loop
    v_text := replace(v_text, v_words[v_n], substr(v_digits, v_n, 1));
  end loop;
  if strpos(v_text, 'le') > 0 then
    v_text := regexp_replace(v_text, 'double([A-J0-9])', '\1\1', 'g');
    v_text := regexp_replace(v_text, 'triple([A-J0-9])', '\1\1\1', 'g');
  end if;
  return v_text;
end;
$$;
comment on function private.spell_out is 'Return a word with a letter A to J for each number word in it.';

create function private.number_of_word(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_has_digits constant boolean := translate(p_word, '0123456789', '') <> p_word;
  v_text text := p_word;
begin
  if v_has_digits or char_length(p_word) > 5 then
    v_text := private.spell_out(p_word);
  end if;
  return case
    when translate(v_text, 'ABCDEFGHIJ0123456789', '') = '' then ' ' || v_text || ' '
    when translate(p_word, 'oli', '') = '' and char_length(p_word) < 4
      then ' ' || translate(p_word, 'oli', 'abb') || ' '
    when not v_has_digits then '|'
    when ltrim(p_word, '0123456789') in ('gb', 'tb', 'g')
      then '|' || rtrim(p_word, 'gbt') || '|'
    when translate(v_text, 'ABCDEFGHIJ0123456789oqdilzeasgtb', '') = ''
      then ' ' || translate(v_text, 'oqdilzeasgtb', '000112345978') || '^ '
    when
      translate(p_word, '0134578', 'oieastb') in (
        'oh', 'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'
      )
      then ' ' || private.spell_out(translate(p_word, '0134578', 'oieastb')) || ' '
    else '|' || translate(p_word, 'abcdefghijklmnopqrstuvwxyz', repeat('|', 26)) || '|'
  end;
end;
$$;
comment on function private.number_of_word is 'Return the piece of a word that is neither a number nor a numeral: number words in one, letters for digits, or digits among letters.';

create function private.number_pieces(p_tokens private.filter_token[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces text[] := array_fill('|'::text, array[cardinality(p_tokens)]);
  v_n integer;
  v_piece text;
begin
  for v_n, v_piece in
    with numeral as (
      select
        token.*,
        known.kind,
        known.value,
        token.gap in ('/', '-', '.') and private.is_date(
          token.word, token.second, token.third, token.gap, token.next_gap,
          lead(token.next_gap) over sequence
        ) as is_date,
        token.gap in ('_', '-') and private.is_timestamp(token.word, token.second) as is_timestamp,
        lag(token.n) over sequence = token.n - 1 as is_second,
        lag(token.n, 2) over sequence = token.n - 2 as is_third,
        case when lag(token.n) over sequence = token.n - 1 then lag(known.kind) over sequence end
          as kind_before,
        lag(known.value) over sequence as value_before,
        case when lead(token.n) over sequence = token.n + 1 then lead(known.kind) over sequence end
          as kind_after,
        lead(known.value) over sequence as value_after,
        case
          when lead(token.n, 2) over sequence = token.n + 2 then lead(known.kind, 2) over sequence
        end as kind_third
      from unnest(p_tokens) as token
      left join private.filter_numerals as known
        on known.word = token.word and (
          known.kind <> 'multiplier'
          -- "One trip? 0412 345 678" repeats nothing.
          or (translate(token.gap, '.?!,', '') = token.gap and token.next_word !~ '^[0-9]{2}')
        )
      -- Most words are no part of a number, and stay bars.
      where
        known.kind is not null
        or translate(token.word, '0123456789', '') <> token.word
        or translate(token.word, 'oli', '') = ''
        or (char_length(token.word) > 5 and private.is_spelled(token.word))
      window sequence as (order by token.n)
    )

    select
      numeral.n,
      case
        when
          numeral.is_date or (numeral.is_second and lag(numeral.is_date) over sequence)
          or (numeral.is_third and lag(numeral.is_date, 2) over sequence)
          or numeral.is_timestamp or (numeral.is_second and lag(numeral.is_timestamp) over sequence)
          then '|'
        when translate(numeral.word, '0123456789', '') = '' and numeral.word <> ''
          then
            private.piece_of_digits(
              numeral.word, numeral.gap_before, numeral.gap, numeral.kind_after = 'unit',
              case when numeral.kind_before = 'multiplier' then numeral.value_before end
            )
        when numeral.kind = 'unit' then '|'
        when numeral.kind is null then private.number_of_word(numeral.word)
        else
          private.piece_of_numeral(
            numeral.kind, numeral.value, numeral.kind_before, numeral.value_before,
            numeral.kind_after, numeral.value_after, numeral.kind_third
          )
      end
    from numeral
    window sequence as (order by numeral.n)
  loop
    v_pieces[v_n] := v_piece;
  end loop;
  return v_pieces;
end;
$$;
comment on function private.number_pieces is 'Return for each word its digits between blanks, or a bar for a word that is no number. A tilde follows an amount, a comma a number of a list.';

create function private.piece_of_digits(
  p_digits text, p_gap_before text, p_gap text, p_has_unit boolean, p_times text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return ' ' || repeat(p_digits, coalesce(p_times::integer, 1))
    || case
      -- No amount begins with a zero.
      when p_gap_before = '.' and p_gap not in ('.', '-') and char_length(p_digits) < 3 then '~'
      when (left(p_digits, 1) <> '0' or p_digits = '0') and (p_has_unit or strpos(p_gap_before, '$') > 0) then '~'
      else ''
    end
    || case
      when translate(p_gap, ',/:;%"', '') <> p_gap then ', '
      when strpos(p_gap, '-') > 0 then '- '
      when p_gap = '.' then '. '
      -- An exclamation mark may stand for a one.
      when left(p_gap, 1) in ('!', '|') then ' b '
      else ' '
    end;
end;
$$;
comment on function private.piece_of_digits is 'Return the piece of a word of digits: a tilde marks an amount, and a comma, dash or point the separator after it.';

create function private.piece_of_numeral(
  p_kind text, p_value text, p_kind_before text, p_value_before text, p_kind_after text,
  p_value_after text, p_kind_third text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_kind = 'digit' and p_kind_after = 'plural' and p_value < 'F' then ' '
    when p_kind in ('digit', 'teen') and p_kind_before = 'multiplier'
      then ' ' || repeat(p_value, p_value_before::integer) || ' '
    when p_kind in ('digit', 'teen') then ' ' || p_value || ' '
    when p_kind = 'ten' and p_kind_after = 'digit' and p_value_after between 'B' and 'J'
      then ' ' || p_value || ' '
    when p_kind = 'ten' then ' ' || p_value || 'A '
    when p_kind = 'hundred' and p_kind_before is null then '|'
    -- "Five hundred and seventy" is "five hundred seventy".
    when
      p_kind = 'hundred'
      and case p_kind_after when 'filler' then p_kind_third else p_kind_after end in ('ten', 'teen')
      then ' '
    when p_kind = 'hundred' then ' AA '
    when p_kind = 'plural' and p_kind_before = 'digit' and p_value_before < 'F'
      then ' ' || repeat(p_value, ascii(p_value_before) - 65) || ' '
    when p_kind = 'plural' then '|'
    else ' '
  end;
end;
$$;
comment on function private.piece_of_numeral is 'Return the piece of a numeral between the numeral before it and the two after it.';

create function private.is_date(
  p_first text, p_second text, p_third text, p_gap text, p_next_gap text, p_last_gap text
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- A month and a year.
  if
    p_gap in ('/', '-') and char_length(p_first) <= 2 and lpad(p_first, 2, '0') between '01' and '12'
    and char_length(p_second) = 4 and p_second between '1900' and '2099'
    and p_next_gap is distinct from p_gap
  then
    return true;
  end if;
  if
    p_gap not in ('/', '-', '.') or p_next_gap is distinct from p_gap or p_last_gap = p_gap
    or translate(p_first || p_second || p_third, '0123456789', '') <> ''
    or char_length(p_second) > 2
  then
    return false;
  end if;
  return lpad(p_second, 2, '0') between '01' and '31'
    and (
      (
        char_length(p_first) <= 2 and lpad(p_first, 2, '0') between '01' and '31'
        and (p_third between '1900' and '2099' or p_third between '10' and '35')
        and char_length(p_third) in (2, 4)
      )
      or (
        p_first between '1900' and '2099' and char_length(p_first) = 4
        and char_length(p_third) = 2 and p_third between '01' and '31'
      )
    );
end;
$$;
comment on function private.is_date is 'Return true if three numbers and the separators after them write a date.';

create function private.is_timestamp(p_date text, p_time text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Comparisons, because Postgres caches few patterns per session.
  return char_length(p_date) = 8 and p_date between '20000101' and '20991231'
    and substr(p_date, 5, 2) between '01' and '12' and substr(p_date, 7) between '01' and '31'
    and (
      (
        char_length(p_time) between 6 and 9 and left(p_time, 2) between '00' and '23'
        and substr(p_time, 3, 2) between '00' and '59' and substr(p_time, 5, 2) between '00' and '59'
        and translate(p_date || p_time, '0123456789', '') = ''
      )
      or (char_length(p_time) = 6 and translate(p_date || p_time, '0123456789', '') = 'wa')
    );
end;
$$;
comment on function private.is_timestamp is 'Return true if two words are the date and the time, or the number of the day, in a name that a camera or a chat app gives to a photo.';

create function private.contact_text_refusal(
  p_title text, p_description text, p_suburb text default '', p_street text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_refusal jsonb;
  v_description_at constant integer := char_length(p_title) + 1;
  v_suburb_at constant integer := v_description_at + char_length(p_description) + 1;
begin
  -- One text, because a number may begin in the title and end in the description.
  select hit.* into v_finding
  from unnest(
    private.filter_findings(concat_ws(E'\n', p_title, p_description, p_suburb), 'listing')
  ) as hit
  order by hit.start_at, hit.score desc
  limit 1;
  v_refusal := private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  );
  if v_finding.rule is null then
    -- The buyer of a paid order reads the street, and may then read contact details too.
    return v_refusal || '{"field": "street"}' || private.payment_span(p_street);
  end if;
  return v_refusal || (
    select jsonb_build_object(
      'field', part.field,
      'start', v_finding.start_at - part.start_at,
      'end', least(v_finding.end_at - part.start_at, char_length(part.content))
    )
    from (values
      ('title', p_title, 0), ('description', p_description, v_description_at),
      ('location', p_suburb, v_suburb_at)
    ) as part (field, content, start_at)
    where part.start_at <= v_finding.start_at
    order by part.start_at desc
    limit 1
  );
end;
$$;
comment on function private.contact_text_refusal is 'Return the refusal of a listing whose title, description or suburb holds a contact or payment detail, with its span in the cleaned text, or null. The field of the suburb is location. A street may hold contact details, but no payment details.';

create function private.payment_text_refusal(
  p_field text, p_text text, p_earlier text[] default '{}'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This text cannot have payment details')
    || jsonb_build_object('field', p_field) || private.payment_span(p_text, p_earlier, p_field = 'file');
end;
$$;
comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with their span, or null; see payment_span.';

create function private.payment_span(
  p_text text, p_earlier text[] default '{}', p_is_file_name boolean default false
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_span jsonb;
begin
  if coalesce(p_text, '') = '' then
    return null;
  end if;
  select
    jsonb_build_object(
      'start', greatest(hit.start_at - v_start, 0),
      'end', least(hit.end_at - v_start, char_length(p_text))
    )
  into v_span
  from (
    select
      found.rule,
      found.score,
      found.start_at + v_start as start_at,
      found.end_at + v_start as end_at
    from unnest(private.filter_findings(p_text, 'order')) as found
    union all
    -- The stage joined has no rules for general words. So "money" in an earlier text makes no account
    -- of a number in this one.
    select found.rule, found.score, found.start_at, found.end_at
    from unnest(private.filter_findings(v_whole, 'joined', v_start)) as found
    where p_earlier <> '{}'
  ) as hit
  inner join private.filter_rules as known on known.rule = hit.rule and known.active
  where
    hit.end_at > v_start
    and hit.score >= private.setting('filter_mask')::integer
    -- The name of a file looks like a handle, as in "PayPal_receipt.pdf".
    and not (p_is_file_name and hit.rule = 'pay_app_handle')
    -- A party may name a phone number after "my account", but not after "my PayID".
    and not (
      known.pattern <@ '{abn_digits,account_cue,account_digits,bank,bank_account}'
      and private.is_phone_number(
        substr(v_whole, hit.start_at + 1, hit.end_at - hit.start_at)
      )
    )
  order by greatest(hit.start_at, v_start), hit.score desc
  limit 1;
  return v_span;
end;
$$;
comment on function private.payment_span is 'Return the span of the details for a payment outside the site that a text holds, or that it completes after earlier texts with a bank, account, payment service, card number or ABN, or null. Other words about payment pass, and handles in the name of a file.';

create function private.is_phone_number(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_digits constant text := translate(p_text, translate(p_text, '0123456789', ''), '');
  v_national constant text := case
    when left(v_digits, 4) = '0061' then ltrim(substr(v_digits, 5), '0')
    when left(v_digits, 2) = '61' then ltrim(substr(v_digits, 3), '0')
    when left(v_digits, 1) = '0' then substr(v_digits, 2)
    else ''
  end;
begin
  return (char_length(v_national) = 9 and left(v_national, 1) in ('2', '3', '4', '7', '8'))
    or (char_length(v_digits) = 10 and left(v_digits, 4) in ('1300', '1800'));
end;
$$;
comment on function private.is_phone_number is 'Return true if the digits of a text are an Australian phone number with its zero or country code.';

create function private.link_refusal(p_field text, p_link text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This link cannot lead to a payment')
    || jsonb_build_object('field', p_field)
    || (
      select jsonb_build_object('start', hit.start_at, 'end', hit.end_at)
      from unnest(private.filter_findings(p_link, 'link')) as hit
      order by hit.start_at, hit.score desc
      limit 1
    );
end;
$$;
comment on function private.link_refusal is 'Return the refusal of a link that names a payment service or a BSB, with the span, or null. The ids and signatures in a link have any digits, so other numbers pass.';

create function private.filter_tokens(p_folded text)
returns private.filter_token[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  -- An empty word ends each text.
  v_words constant text[] := string_to_array(
    regexp_replace(p_folded || ' ', '[^a-z0-9]+', ' ', 'g'), ' '
  );
  v_gaps text[] := array_append(
    string_to_array(regexp_replace(p_folded, '[a-z0-9]+', 'w', 'g'), 'w'), ''
  );
begin
  if v_words[1] <> '' then
    v_gaps := v_gaps[2:];
  end if;
  return (
    select array_agg((
      piece.n, piece.word, piece.gap, piece.gap_before, piece.next_gap,
      piece.next_word,
      -- No phrase goes past a pause.
      case
        when
          piece.gap = ' ' or (translate(piece.gap, ',;?!', '') = piece.gap and piece.gap <> '. ')
          then piece.next_word
      end,
      case
        when
          piece.next_gap = ' ' or (
            translate(piece.next_gap, ',;?!', '') = piece.next_gap and piece.next_gap <> '. '
          )
          then piece.third_word
      end,
      case
        when
          piece.third_gap = ' ' or (
            translate(piece.third_gap, ',;?!', '') = piece.third_gap and piece.third_gap <> '. '
          )
          then piece.fourth_word
      end
    )::private.filter_token order by piece.n)
    from
      unnest(
        v_words, v_gaps, array_prepend(null, v_gaps), v_gaps[2:], v_gaps[3:],
        v_words[2:], v_words[3:], v_words[4:]
      )
      with ordinality as piece (
        word, gap, gap_before, next_gap, third_gap, next_word, third_word, fourth_word, n
      )
    where piece.word is not null
  );
end;
$$;
comment on function private.filter_tokens is 'Split a folded text into words of letters and digits, each with the separator after it and with its neighbours. Only the first and the last word may be empty.';

create function private.word_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with phrase as materialized (
      select token.word, 2 * token.n as first, 2 * token.n as last
      from unnest(p_tokens) as token
      union all
      select private.gap_sign(token.gap), 2 * token.n + 1, 2 * token.n + 1
      from unnest(p_tokens) as token
      where token.gap not in (' ', '')
      union all
      select token.word || token.second, 2 * token.n, 2 * token.n + 2
      from unnest(p_tokens) as token
      where token.second is not null
      union all
      select token.word || token.second || token.third, 2 * token.n, 2 * token.n + 4
      from unnest(p_tokens) as token
      where token.second is not null and token.third is not null
      union all
      select
        token.word || token.second || token.third || token.fourth, 2 * token.n, 2 * token.n + 6
      from unnest(p_tokens) as token
      where
        token.second is not null and token.third is not null and token.fourth is not null
    )

    select array_agg((
      coalesce(known.class, 'unknown'), phrase.first, phrase.last
    )::private.filter_mark)
    from phrase
    left join (
      -- Look the words up by the index. A join alone reads the whole table for each text.
      select words.word, words.class
      from private.filter_words as words
      where words.word = any(array(select phrase.word from phrase))
    ) as known on known.word = phrase.word
    where known.class is not null or (
      phrase.first = phrase.last and phrase.first % 2 = 0 and char_length(phrase.word) > 2
      and translate(phrase.word, '0123456789', '') = phrase.word
    )
  );
end;
$$;
comment on function private.word_marks is 'Return the classes of words, of separators and of phrases of up to four words. A word of letters without a class is unknown.';

create function private.disguised_word_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with phrase as materialized (
      -- Digits in place of letters. A one may be an i or an l.
      select
        translate(token.word, '0134578', letters) as word,
        2 * token.n as first,
        2 * token.n as last
      from unnest(p_tokens) as token
      cross join unnest(array['oieastb', 'oleastb']) as letters
      where translate(token.word, '0134578', '') not in (token.word, '')
      union all
      -- Signs in place of letters.
      select
        translate(
          token.word || translate(token.gap, '@$!|*', 'asili') || token.second, '0134578', 'oieastb'
        ),
        2 * token.n,
        2 * token.n + 2
      from unnest(p_tokens) as token
      where token.gap in ('@', '$', '!', '|', '*')
      union all
      select
        token.word || translate(token.gap, '@$!|*', 'asili') || token.second
        || translate(token.next_gap, '@$!|*', 'asili') || token.third,
        2 * token.n,
        2 * token.n + 4
      from unnest(p_tokens) as token
      where token.gap in ('@', '$', '!', '|', '*') and token.next_gap in ('@', '$', '!', '|', '*')
      union all
      -- Names of services, without their vowels.
      select '~' || translate(token.word, 'kaeiouyh', 'c'), 2 * token.n, 2 * token.n
      from unnest(p_tokens) as token
      where char_length(token.word) between 5 and 12 and right(token.word, 2) <> 'up'
      union all
      select
        '~' || translate(token.word || token.second, 'kaeiouyh', 'c'), 2 * token.n, 2 * token.n + 2
      from unnest(p_tokens) as token
      where
        char_length(token.gap) = 1 and char_length(token.word || token.second) between 6 and 12
        and right(token.second, 2) <> 'up'
      union all
      -- Names of services in other scripts, as they are folded.
      select '=' || token.word, 2 * token.n, 2 * token.n
      from unnest(p_tokens) as token
      where char_length(token.word) between 6 and 8
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from phrase
    inner join private.filter_words as known on known.word = phrase.word
    where known.word = any(array(select phrase.word from phrase))
  );
end;
$$;
comment on function private.disguised_word_marks is 'Return the classes of words that are written with digits or signs for letters, and of names of services with other vowels or in other scripts.';

create function private.gap_sign(p_gap text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when strpos(p_gap, '@') > 0 then '@'
    -- A full stop ends a sentence, unless nothing or blanks surround it.
    when p_gap in ('. ', E'.\n', ', ', ',') then ','
    when p_gap = ' - ' or strpos(p_gap, '->') > 0 or strpos(p_gap, '=>') > 0 then ':'
    else nullif(translate(p_gap, E' \n()[]{}<>"''*~_', ''), '')
  end;
end;
$$;
comment on function private.gap_sign is 'Return the sign that a separator stands for.';

create function private.separator_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with piece as materialized (
      select
        token.*,
        left(token.next_word, 1) between 'a' and 'z' as is_letter_next,
        translate(token.word, '0123456789', '') <> '' as has_letters
      from unnest(p_tokens) as token
      where token.gap <> ' '
    )

    select array_agg((found.class, found.first, found.last)::private.filter_mark)
    from (
      select 'pause' as class, 2 * piece.n + 1 as first, 2 * piece.n + 1 as last
      from piece
      where
        translate(piece.gap, E'.!?;\n,', '') <> piece.gap and piece.gap <> '.'
        and piece.word not in ('no', 'nos', 'ref', 'vol')
      union all
      select 'handle_sign', 2 * piece.n + 2, 2 * piece.n + 2
      from piece
      where
        right(piece.gap, 1) = '@' and piece.is_letter_next
        and (piece.word = '' or piece.gap <> '@') and char_length(piece.next_word) > 2
      union all
      select 'tight_at', 2 * piece.n, 2 * piece.n + 2
      from piece
      where piece.gap = '@' and piece.is_letter_next and piece.has_letters
      union all
      select 'at_sign', 2 * piece.n, 2 * piece.n
      from piece
      where
        piece.word in ('at', 'a')
        and right(piece.gap_before, 1) in ('(', '[', '{', '<', '_', '*', '-')
        and left(piece.gap, 1) in (')', ']', '}', '>', '_', '*', '-')
      union all
      select 'compound', 2 * piece.n, 2 * piece.n + 2
      from piece
      where
        piece.gap = '-' and piece.next_word > 'a'
        and translate(piece.word, 'abcdefghijklmnopqrstuvwxyz', '') = ''
      union all
      select 'tight_dot', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where piece.gap in ('.', E'.\n') and piece.word <> ''
      union all
      select 'url_like', 2 * piece.n, 2 * piece.n + 4
      from piece
      where
        piece.gap = '.' and left(piece.next_gap, 1) = '/' and char_length(piece.next_gap) < 4
        and piece.has_letters and piece.next_word > 'a' and char_length(piece.next_word) > 1
      union all
      select 'cashtag', 2 * piece.n + 1, 2 * piece.n + 2
      from piece
      where right(piece.gap, 1) = '$' and piece.next_word > 'a'
      union all
      select 'slash', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where left(piece.gap, 1) = '/' and piece.gap <> '/ '
      union all
      select 'handle_like', 2 * piece.n, 2 * piece.n + 2
      from piece
      where
        (strpos(piece.gap, '_') > 0 or piece.gap in ('.', '#')) and char_length(piece.word) > 1
        and piece.has_letters and piece.next_word <> ''
    ) as found
  );
end;
$$;
comment on function private.separator_marks is 'Return classes that follow from a separator and the words beside it.';

create function private.code_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with piece as materialized (
      select
        2 * token.n as place,
        token.word,
        char_length(token.word) as length,
        char_length(translate(token.word, '0123456789', '')) as letters
      from unnest(p_tokens) as token
      where
        char_length(token.word) between 5 and 80
        and translate(token.word, '0123456789', '') not in (token.word, '')
    )

    select array_agg((found.class, found.place, found.place)::private.filter_mark)
    from (
      select 'long_code' as class, piece.place
      from piece
      where piece.length >= 15
      union all
      select 'handle_like', piece.place
      from piece
      where piece.letters > 2 and piece.length <= 24 and left(piece.word, 1) between 'a' and 'z'
      union all
      select 'wallet', piece.place
      from piece
      where piece.length >= 26 and piece.length - piece.letters > 2 and piece.letters > 5
    ) as found
  );
end;
$$;
comment on function private.code_marks is 'Return classes of words that have letters and digits.';

create function private.glued_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select array_agg((meaning, 2 * token.n, 2 * token.n)::private.filter_mark)
    from unnest(p_tokens) as token
    inner join private.filter_words as part
      on part.class = 'glued' and strpos(token.word, part.word) > 0
    -- A subquery, because a join would read the whole table for the few words that are found.
    cross join lateral unnest(
      array(select known.class from private.filter_words as known where known.word = part.word)
    ) as meaning
    where char_length(token.word) > 6
  );
end;
$$;
comment on function private.glued_marks is 'Return the classes of names of services inside longer words.';

create function private.filter_findings(p_text text, p_stage text, p_from integer default 0)
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

create function private.filter_message(p_text text, p_earlier text[], p_stage text)
returns private.filter_verdict
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_findings private.filter_finding[];
  v_verdict private.filter_verdict;
begin
  v_findings := array(
    select hit
    from unnest(private.filter_findings(v_whole, p_stage, v_start)) as hit
    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')
  );
  v_verdict.findings := private.message_spans(v_findings, p_earlier || p_text);
  select
    coalesce(max(hit.score), 0),
    coalesce(array_agg(distinct hit.reason_code order by hit.reason_code), '{}')
  into v_verdict.score, v_verdict.reason_codes
  from unnest(v_findings) as hit;
  v_verdict.action := private.action_of_score(v_verdict.score);
  v_verdict.masked := case
    when v_verdict.action in ('mask', 'hold') then private.masked_text(p_text, v_verdict.findings)
    else p_text
  end;
  v_verdict.rule_version := (
    select max(rules.rule_version) from private.filter_rules as rules where rules.active
  );
  return v_verdict;
end;
$$;
comment on function private.filter_message is 'Judge a message after its sender''s earlier messages to the same person, oldest first. Stage strict hides contact and payment details. Stage order hides payment details alone.';

create function private.action_of_score(p_score integer)
returns public.filter_action
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_score >= private.setting('filter_hold')::integer then 'hold'
    when p_score >= private.setting('filter_mask')::integer then 'mask'
    when p_score >= private.setting('filter_warn')::integer then 'warn'
    else 'allow'
  end::public.filter_action;
end;
$$;
comment on function private.action_of_score is 'Return the action that the settings name for a score.';

create function private.message_spans(p_findings private.filter_finding[], p_messages text[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_findings = '{}' then
    return '[]';
  end if;
  return (
    with message as (
      select
        part.n,
        coalesce(sum(char_length(part.text) + 1) over (
          order by part.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at,
        char_length(part.text) as length
      from unnest(p_messages) with ordinality as part (text, n)
    )

    select coalesce(jsonb_agg(
      jsonb_build_object(
        'rule', hit.rule,
        'reason_code', hit.reason_code,
        'score', hit.score,
        'start', greatest(hit.start_at - message.start_at, 0),
        'end', least(hit.end_at - message.start_at, message.length),
        'message', cardinality(p_messages) - message.n
      ) order by hit.score desc, hit.start_at, hit.rule, message.n desc
    ), '[]')
    from unnest(p_findings) as hit
    inner join message
      on message.length > 0 and hit.start_at < message.start_at + message.length
      and hit.end_at > message.start_at
  );
end;
$$;
comment on function private.message_spans is 'Return findings of joined messages as JSON, split by message. Message 0 is the last one.';

create function private.masked_text(p_text text, p_findings jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_mask constant integer := private.setting('filter_mask')::integer;
  v_text text := p_text;
  v_found jsonb;
begin
  for v_found in select jsonb_array_elements(p_findings) loop
    continue when (v_found ->> 'message')::integer > 0 or (v_found ->> 'score')::integer < v_mask;
    v_text := overlay(
      v_text placing repeat('▇', (v_found ->> 'end')::integer - (v_found ->> 'start')::integer)
      from (v_found ->> 'start')::integer + 1
    );
  end loop;
  return v_text;
end;
$$;
comment on function private.masked_text is 'Return a message with the mask character in place of each hidden span.';

-- Filter: grants and row level security.

alter table private.filter_characters enable row level security;
alter table private.filter_words enable row level security;
alter table private.filter_numerals enable row level security;
alter table private.filter_rules enable row level security;
