create function private.rule_findings(
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
comment on function private.rule_findings is 'Return the rules of a stage that fit the marks, each with its span in the folded text.';

create function private.findings_of_reading(p_reading private.folded_text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_tokens constant private.filter_token[] := private.filter_tokens(p_reading.folded);
  v_findings constant private.filter_finding[] := private.rule_findings(
    v_tokens,
    private.word_marks(v_tokens) || private.shape_of_word_marks(v_tokens)
    || private.glued_marks(v_tokens) || private.number_marks(v_tokens),
    p_stage
  );
begin
  if p_reading.origins is null then
    return v_findings;
  end if;
  return array(
    select (
      hit.rule, hit.reason_code, hit.score,
      least(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]) - 1,
      greatest(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]),
      hit.kind
    )::private.filter_finding
    from unnest(v_findings) as hit
  );
end;
$$;
comment on function private.findings_of_reading is 'Return the rules that one reading of a text breaks, with the spans in the text as it was written.';

create function private.filter_findings(p_text text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text;
  v_findings private.filter_finding[] := '{}';
begin
  foreach v_reading in array private.readings_of_text(private.fold_text(p_text)) loop
    v_findings := v_findings || private.findings_of_reading(v_reading, p_stage);
  end loop;
  return array(
    select (hit.rule, hit.reason_code, hit.score, hit.start_at, hit.end_at, hit.kind)
    ::private.filter_finding
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
    where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before
  );
end;
$$;
comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, with the spans in the text.';

create function private.filter_message(p_text text, p_earlier text[], p_stage text)
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
    from unnest(private.filter_findings(v_whole, p_stage)) as hit
    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')
  );
  v_verdict.findings := private.message_spans(v_findings, p_earlier || p_text);
  v_verdict.score := coalesce((select max(hit.score) from unnest(v_findings) as hit), 0);
  v_verdict.reason_codes := array(
    select distinct hit.reason_code from unnest(v_findings) as hit order by 1
  );
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
comment on function private.filter_message is 'Judge a message after its sender''s earlier messages to the same person, oldest first. Stage strict hides contact and payment details. Stage order hides payment details alone.';

create function private.action_of_score(p_score integer)
returns public.filter_action
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_score >= private.setting('filter_hold')::integer then 'hold'
    when p_score >= private.setting('filter_mask')::integer then 'mask'
    when p_score >= private.setting('filter_warn')::integer then 'warn'
    else 'allow'
  end::public.filter_action;
end;
$$;
comment on function private.action_of_score is 'Return the action that the settings name for a score.';

create function private.message_spans(p_findings private.filter_finding[], p_messages text[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
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
comment on function private.message_spans is 'Return findings of joined messages as JSON, split by message. Message 0 is the last one.';

create function private.masked_text(p_text text, p_findings jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_mask constant integer := private.setting('filter_mask')::integer;
  v_text text := p_text;
  v_found jsonb;
begin
  for v_found in select jsonb_array_elements(p_findings) loop
    continue when (v_found ->> 'message')::integer > 0 or (v_found ->> 'score')::integer < v_mask;
    v_text := overlay(
      v_text placing repeat('▇', (v_found ->> 'end')::integer - (v_found ->> 'start')::integer)
      from (v_found ->> 'start')::integer + 1
    );
  end loop;
  return v_text;
end;
$$;
comment on function private.masked_text is 'Return a message with the mask character in place of each hidden span.';
