set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.piece_of_numeral;

create or replace function private.number_pieces(p_tokens private.filter_token[])
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
