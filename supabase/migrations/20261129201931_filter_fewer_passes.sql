set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.readings_of_text;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.word_sequences;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.joins;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.shape_of_word_marks;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.rule_hits;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.findings_of_reading;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.word_marks;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.disguised_word_marks;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.filter_findings;

-- No table has a column of these types.
-- squawk-ignore ban-drop-type
drop type private.word_sequence;

alter type private.filter_token
-- squawk-ignore ban-drop-column
drop attribute start_at,
-- squawk-ignore ban-drop-column
drop attribute end_at,
add attribute gap_before text,
add attribute next_gap text,
add attribute next_word text,
add attribute second text,
add attribute third text,
add attribute fourth text;
comment on type private.filter_token is 'A word of a folded text: its number, the separator after it, its neighbours, and up to three next words that may be of the same phrase.';

create or replace function private.fold_text(p_text text)
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

create or replace function private.without_spaces(
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

create or replace function private.spanned_findings(
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

create or replace function private.number_marks(p_tokens private.filter_token[])
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

create or replace function private.phone_shapes(p_digits text, p_starts integer[])
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

create or replace function private.weak_shapes(p_digits text, p_starts integer[])
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

create or replace function private.described_numbers(p_digits text, p_starts integer[])
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

create or replace function private.mobile_parts(
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
      left join private.filter_numerals as known on known.word = token.word
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
            -- "Five hundred and seventy" is "five hundred seventy".
            case
              when numeral.kind = 'hundred' and numeral.kind_after = 'filler'
                then numeral.kind_third
              else numeral.kind_after
            end,
            numeral.value_after
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

create or replace function private.filter_tokens(p_folded text)
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
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from phrase
    inner join private.filter_words as known on known.word = phrase.word
    where known.word = any(array(select phrase.word from phrase))
  );
end;
$$;

comment on function private.disguised_word_marks is 'Return the classes of words that are written with digits or signs for letters, and of names of services with other vowels.';

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

create function private.filter_findings(p_text text, p_stage text, p_from integer default 0)
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
    return private.filter_findings(p_text, p_stage);
  end if;
  return v_findings;
end;
$$;

comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, with the spans in the text. It leaves out the spans that end within the first p_from characters, if they change nothing in the others.';

create or replace function private.filter_message(p_text text, p_earlier text[], p_stage text)
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

create or replace function private.message_spans(p_findings private.filter_finding[], p_messages text[])
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
