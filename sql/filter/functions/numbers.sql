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
