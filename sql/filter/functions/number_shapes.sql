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
