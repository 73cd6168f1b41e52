set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client reads the table.
-- squawk-ignore renaming-column
alter table private.filter_rules rename column stages to stage;

create or replace function private.rule_findings(
  p_tokens private.filter_token[], p_marks private.filter_mark[], p_stage text
)
returns private.filter_finding[]
language plpgsql
stable
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
    ),

    affirmed as materialized (
      -- "Why not" and "no worries" deny nothing.
      select distinct place
      from seen
      cross join lateral generate_series(seen.first, seen.last) as place
      where seen.class = 'positive'
    ),

    mark as materialized (
      select
        seen.class,
        seen.first,
        seen.last,
        width_bucket(seen.first, stops.places) as clause
      from seen
      cross join stops
      left join affirmed on seen.class = 'neg' and seen.first = affirmed.place
      where affirmed.place is null
    ),

    -- Rows for the two stretches of 64 words in which a mark can be near. They let the joins below
    -- compare few pairs, so that the time grows with the text and not with its square.
    near as materialized (
      select
        mark.class,
        mark.first,
        mark.last,
        mark.clause,
        mark.first / 128 - shift as stretch
      from mark
      cross join generate_series(0, 1) as shift
    ),

    rule as materialized (
      select candidate.*
      from private.filter_rules as candidate
      where candidate.active
        and p_stage = any(candidate.stage)
        and candidate.pattern <@ (select array_agg(mark.class) from mark)
    ),

    hit as materialized (
      select distinct
        rule.rule,
        rule.kind,
        rule.reason_code,
        rule.weight,
        rule.unless,
        rule.unless_near,
        one.clause,
        one.first,
        -- The span has the detail alone, without the words that announce it.
        case when one.class like '%\_cue' then two.first else one.first end as span_first,
        case
          when four.class is null and three.class is null and two.class like '%\_cue' then one.last
          else coalesce(four.last, three.last, two.last, one.last)
        end as span_last,
        coalesce(four.clause, three.clause, two.clause, one.clause) as last_clause,
        coalesce(four.last, three.last, two.last, one.last) as last
      from rule
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
    ),

    kept as (
      select
        hit.*,
        max(hit.last) over (
          partition by hit.rule order by hit.first, hit.last desc
          rows between unbounded preceding and 1 preceding
        ) as last_before
      from hit
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
    ),

    blank as materialized (
      select coalesce(array_agg(token.n order by token.n), '{}') as places
      from unnest(p_tokens) as token
      where translate(token.gap, E' \n\t', '') <> token.gap
    )

    select array_agg((
      kept.rule, kept.reason_code, kept.weight,
      p_tokens[
        case
          when kept.kind = 'proposal' then greatest(kept.span_first / 2, 1)
          else 1 + coalesce(
            blank.places[width_bucket(greatest(kept.span_first / 2, 1) - 1, blank.places)], 0
          )
        end
      ].start_at,
      p_tokens[least(
        case
          when kept.kind = 'proposal' then (kept.span_last + 1) / 2
          else coalesce(
            blank.places[width_bucket((kept.span_last + 1) / 2 - 1, blank.places) + 1],
            cardinality(p_tokens)
          )
        end,
        cardinality(p_tokens)
      )].end_at,
      kept.kind
    )::private.filter_finding)
    from kept
    cross join blank
    -- A match inside a wider one of the same rule says nothing new.
    where kept.last_before is null or kept.last_before < kept.last
  );
end;
$$;
