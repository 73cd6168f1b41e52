create function private.spell_out(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_words constant text[] := array[
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'oh'
  ];
  v_text text := p_word;
begin
  for v_n in 1..11 loop
    v_text := replace(v_text, v_words[v_n], chr(65 + (v_n - 1) % 10));
  end loop;
  return v_text;
end;
$$;
comment on function private.spell_out is 'Return a word that is made of number words, with a letter A to J for each.';

create function private.number_pieces(p_tokens private.filter_token[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with token as (
      select
        part.n,
        part.word,
        part.gap,
        known.kind,
        known.value,
        translate(part.word, '0123456789', '') = '' as is_digits,
        lag(part.gap) over (order by part.n) as gap_before,
        lag(known.kind) over (order by part.n) as kind_before,
        lag(known.value) over (order by part.n) as value_before,
        lead(known.kind) over (order by part.n) as kind_after,
        lead(known.value) over (order by part.n) as value_after
      from unnest(p_tokens) as part
      left join private.filter_numerals as known on known.word = part.word
    )

    select array_agg(
      case
        when token.word = '' then '|'
        when token.is_digits
          then
            ' ' || repeat(
              token.word,
              case when token.kind_before = 'multiplier' then token.value_before::integer else 1 end
            )
            || case
              when
                left(token.word, 1) <> '0'
                and (token.kind_after = 'unit' or strpos(token.gap_before, '$') > 0)
                then '~'
              else ''
            end || ' '
        when token.kind = 'digit'
          then
            case
              when token.kind_after = 'plural' then ' '
              when token.kind_before = 'multiplier'
                then ' ' || repeat(token.value, token.value_before::integer) || ' '
              else ' ' || token.value || ' '
            end
        when token.kind = 'ten'
          then
            ' ' || token.value || case
              when token.kind_after = 'digit' and token.value_after between 'B' and 'J' then ''
              else 'A'
            end || ' '
        when token.kind = 'teen' then ' ' || token.value || ' '
        when token.kind = 'hundred' and token.kind_before is not null
          then
            case
              when token.kind_after in ('ten', 'teen') then ' '
              when token.kind_after = 'digit' then ' A '
              else ' AA '
            end
        when token.kind = 'plural' and token.kind_before = 'digit'
          then ' ' || repeat(token.value, ascii(upper(token.value_before)) - 65) || ' '
        when token.kind in ('filler', 'multiplier') then ' '
        when
          char_length(token.word) > 5
          and translate(token.word, 'zeroneightwfuvsx0123456789', '') = ''
          and token.word ~ '^(?:[0-9]|zero|oh|one|two|three|four|five|six|seven|eight|nine)+$'
          then ' ' || private.spell_out(token.word) || ' '
        when
          translate(token.word, '0123456789oqdilzeasgtb', '') = ''
          and translate(token.word, 'oqdilzeasgtb', '') <> ''
          then ' ' || translate(token.word, 'oqdilzeasgtb', '000112345978') || '~ '
        when translate(token.word, '0123456789', '') <> token.word
          then '|' || translate(token.word, 'abcdefghijklmnopqrstuvwxyz', repeat('|', 26)) || '|'
        else '|'
      end
      order by token.n
    )
    from token
  );
end;
$$;
comment on function private.number_pieces is 'Return for each word its digits between blanks, or a bar for a word that is no number. A tilde follows an amount.';

create function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces constant text[] := private.number_pieces(p_tokens);
  v_starts integer[];
  v_text text := array_to_string(v_pieces, '');
  v_strict text;
begin
  if v_text !~ '[0-9A-Ja-j]' then
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
  v_text := ' ' || translate(v_text, 'ABCDEFGHIJ', '0123456789') || ' ';
  v_strict := translate(v_text, 'abcdefghij', '||||||||||');
  return private.phone_marks(v_strict, v_starts)
    || private.phone_marks(translate(v_text, 'abcdefghij', '0123456789'), v_starts);
end;
$$;
comment on function private.number_marks is 'Return the numbers of a text, each with the class of its shape.';

create function private.phone_marks(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_classes constant text[] := '{mobile,landline,freecall}';
begin
  return private.shape_marks(
    p_digits, p_starts,
    '[ |~]('
    '(?:0[ ~]*0[ ~]*(?:1[ ~]*1[ ~]*)?)?6[ ~]*1[ ~]*(?:0[ ~]*)?4(?:[ ~]*[0-9]){8}'
    '|0[ ~]*4(?:[ ~]*[0-9]){8})[ |~]'
    '|[ |~]('
    '(?:0[ ~]*0[ ~]*(?:1[ ~]*1[ ~]*)?)?6[ ~]*1[ ~]*(?:0[ ~]*)?[2378](?:[ ~]*[0-9]){8}'
    '|0[ ~]*[2378](?:[ ~]*[0-9]){8})[ |~]'
    '|[ |~](1[ ~]*[38][ ~]*0[ ~]*0(?:[ ~]*[0-9]){6})[ |~]',
    v_classes
  );
end;
$$;
comment on function private.phone_marks is 'Return the full phone numbers in a text of pieces.';

create function private.shape_marks(
  p_digits text, p_starts integer[], p_pattern text, p_classes text[]
)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_marks private.filter_mark[] := '{}';
  v_found text[];
  v_from integer := 1;
  v_place integer;
  v_n integer;
begin
  for v_found in select regexp_matches(p_digits, p_pattern, 'g') loop
    for v_n in 1..cardinality(p_classes) loop
      continue when v_found[v_n] is null;
      v_place := v_from - 1 + strpos(substr(p_digits, v_from), v_found[v_n]);
      v_from := v_place + char_length(v_found[v_n]);
      -- The text has one blank more in front than the pieces.
      v_marks := v_marks || (
        p_classes[v_n],
        2 * width_bucket(v_place - 1, p_starts),
        2 * width_bucket(v_from - 2, p_starts)
      )::private.filter_mark;
    end loop;
  end loop;
  return v_marks;
end;
$$;
comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers.';
