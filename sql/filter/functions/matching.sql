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
