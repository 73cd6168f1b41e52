create function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces text[] := private.number_pieces(p_tokens);
  v_text text := array_to_string(v_pieces, '');
  v_digits text;
  v_starts integer[];
  v_n integer;
begin
  if private.digit_count(v_text) < 6 then
    return '{}';
  end if;
  -- Few texts have a number of ten digits in one word, and a look at all words takes time.
  if
    exists (
      select from unnest(v_pieces) as piece
      where char_length(piece) between 12 and 14 and left(piece, 2) = ' 0'
    )
  then
    foreach v_n in array private.labelled_numbers(p_tokens) loop
      v_pieces[v_n] := '|';
    end loop;
    v_text := array_to_string(v_pieces, '');
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

create function private.labelled_numbers(p_tokens private.filter_token[])
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
comment on function private.labelled_numbers is 'Return the positions of the words of ten digits that the words before call a serial, part, order or tracking number: they are no phone number. Return none if a word of the text names a phone, a call, a chat or a payment.';

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
    '|(?:^|[|,.]) *([3-9][0-9]{3} {1,2}(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2})) *(?:[|,.]|$)'
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
    if p_classes[v_n] in ('account_digits', 'bank_account') then
      v_marks := v_marks || private.closer_shapes(
        v_found[v_n], v_marks[cardinality(v_marks)]
      );
    end if;
  end loop;
  return v_marks;
end;
$$;
comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers. Exactly one group of the pattern matches.';

create function private.closer_shapes(p_digits text, p_mark private.filter_mark)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array(
    select (shape.class, p_mark.first, p_mark.last)::private.filter_mark
    from (
      values
      -- No phone number has fewer digits, its area code aside.
      ('local_digits', p_mark.class = 'account_digits' and private.digit_count(p_digits) > 7),
      ('phone_digits', p_mark.class = 'account_digits' and private.is_phone_number(p_digits)),
      ('plain_digits', p_mark.class = 'account_digits' and not private.is_phone_number(p_digits)),
      ('unlabelled_account', p_mark.class = 'bank_account' and private.is_bsb_account(p_digits))
    ) as shape (class, fits)
    where shape.fits
  );
end;
$$;
comment on function private.closer_shapes is 'Return the marks of an account number or a BSB and account number that tell more of its digits.';

create function private.is_bsb_account(p_digits text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_groups constant text := (
    select string_agg(char_length(part.digits)::text, ' ' order by part.n)
    from string_to_table(translate(p_digits, '.-', '  '), ' ') with ordinality as part (digits, n)
    where part.digits <> ''
  );
begin
  -- The four largest banks have BSBs from 01, 03, 06 and 08.
  return left(p_digits, 2) in ('01', '03', '06', '08')
    and translate(p_digits, '^,', '') = p_digits and strpos(p_digits, '   ') = 0
    and v_groups in (
      '6 7', '6 8', '6 9', '6 4 4', '6 3 3 3', '3 3 6', '3 3 7', '3 3 8', '3 3 9', '3 3 4 4'
    );
end;
$$;
comment on function private.is_bsb_account is 'Return true if digits are a BSB of a large bank and an account number, in the groups in which people write them.';

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
