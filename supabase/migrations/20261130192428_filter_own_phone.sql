-- This migration makes ten digits a phone number although a word calls them a serial number, if the
-- text names a phone.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Filter: functions.

create or replace function private.labelled_numbers(p_tokens private.filter_token[])
returns integer[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_places constant integer[] := array(
    select number.n
    from (
      select
        token.n,
        token.word,
        case when strpos(token.gap_before, '#') > 0 then 'no' else '' end as sign,
        lag(token.word) over sequence as one,
        lag(token.word, 2) over sequence as two,
        lag(token.word, 3) over sequence as three,
        lag(token.gap) over sequence as gap_one,
        lag(token.gap, 2) over sequence as gap_two,
        lag(token.gap, 3) over sequence as gap_three
      from unnest(p_tokens) as token
      -- "The serial number is 0412345678", "ISBN-10 0412345678".
      where token.word not in ('10', '13', 'is', 'was')
      window sequence as (order by token.n)
    ) as number
    cross join
      lateral
      (values
        (number.one || number.sign, number.gap_one),
        (number.two || number.one || number.sign, number.gap_one || number.gap_two),
        (
          number.three || number.two || number.one,
          number.gap_one || number.gap_two || number.gap_three
        )
      ) as label (word, gap)
    inner join private.filter_words as known
      on known.word = label.word and known.class = 'number_label'
    where
      char_length(number.word) = 10 and left(number.word, 1) = '0'
      and translate(number.word, '0123456789', '') = ''
      and translate(label.gap, E',;!?\n', '') = label.gap
  );
begin
  if v_places = '{}' or exists (
    select from private.filter_words as known
    where known.class in ('app', 'bank', 'call_me', 'call_verb', 'own_phone', 'pay_app', 'zero_cue')
      and known.word = any(array(select token.word from unnest(p_tokens) as token))
  ) then
    return '{}';
  end if;
  return v_places;
end;
$$;
comment on function private.labelled_numbers is 'Return the ten digits in one word that the words before call a serial, part, order or tracking number, if no word of the text names a phone, calls or pays anybody. They are no phone number, although one has the same digits.';

-- Filter: words.

insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('own_phone', 'cell dial fone landline mob mobile ph tel txt')
) as list (class, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;
