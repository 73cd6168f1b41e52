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
