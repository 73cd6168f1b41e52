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
