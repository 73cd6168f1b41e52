set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.rule_findings;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.word_marks;

create type private.word_sequence as (
  n integer, word text, gap text, second text, third text, fourth text
);

comment on type private.word_sequence is 'A word with its number, the separator after it, and up to three words that may be of the same phrase.';

create type private.placed_mark as (class text, first integer, last integer, clause integer);

comment on type private.placed_mark is 'A mark with the number of the clause in which it stands.';

create type private.rule_hit as (
  rule text, kind text, reason_code text, weight integer, unless text, unless_near text,
  clause integer, last_clause integer, first integer, last integer, span_first integer,
  span_last integer
);

comment on type private.rule_hit is 'A place at which a rule fits: its first and last position, their clauses, and the span to hide.';

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

create function private.rule_hits(p_marks private.placed_mark[], p_stage text)
returns private.rule_hit[]
language plpgsql
stable
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
    ),

    rule as materialized (
      select candidate.*
      from private.filter_rules as candidate
      where candidate.active
        and p_stage = any(candidate.stage)
        and candidate.pattern <@ (select array_agg(mark.class) from mark)
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
  -- The words after which a blank stands. A detail is hidden with all that is joined to it.
  v_blanks constant integer[] := array(
    select token.n
    from unnest(p_tokens) as token
    where translate(token.gap, E' \n\t', '') <> token.gap
    order by token.n
  );
begin
  return (
    select array_agg((
      hit.rule, hit.reason_code, hit.weight,
      p_tokens[
        case
          when hit.kind = 'proposal' then greatest(hit.span_first / 2, 1)
          else 1 + coalesce(
            v_blanks[width_bucket(greatest(hit.span_first / 2, 1) - 1, v_blanks)], 0
          )
        end
      ].start_at,
      p_tokens[least(
        case
          when hit.kind = 'proposal' then (hit.span_last + 1) / 2
          else coalesce(
            v_blanks[width_bucket((hit.span_last + 1) / 2 - 1, v_blanks) + 1],
            cardinality(p_tokens)
          )
        end,
        cardinality(p_tokens)
      )].end_at,
      hit.kind
    )::private.filter_finding)
    from unnest(p_hits) as hit
  );
end;
$$;

comment on function private.spanned_findings is 'Return findings with the span in the folded text of each hit.';

create or replace function private.findings_of_reading(p_reading private.folded_text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_tokens constant private.filter_token[] := private.filter_tokens(p_reading.folded);
  v_sequences constant private.word_sequence[] := private.word_sequences(v_tokens);
  v_marks constant private.placed_mark[] := private.placed_marks(
    private.word_marks(v_sequences) || private.disguised_word_marks(v_sequences)
    || private.shape_of_word_marks(v_tokens) || private.glued_marks(v_tokens)
    || private.number_marks(v_tokens)
  );
  v_findings constant private.filter_finding[] := private.spanned_findings(
    private.standing_hits(private.rule_hits(v_marks, p_stage), v_marks), v_tokens
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

create function private.word_sequences(p_tokens private.filter_token[])
returns private.word_sequence[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array(
    select (
      token.n,
      token.word,
      token.gap,
      -- No phrase goes past a pause.
      case
        when token.gap = ' ' or private.joins(token.gap) then lead(token.word) over sequence
      end,
      case
        when
          lead(token.gap) over sequence = ' ' or private.joins(lead(token.gap) over sequence)
          then lead(token.word, 2) over sequence
      end,
      case
        when
          lead(token.gap, 2) over sequence = ' '
          or private.joins(lead(token.gap, 2) over sequence)
          then lead(token.word, 3) over sequence
      end
    )::private.word_sequence
    from unnest(p_tokens) as token
    window sequence as (order by token.n)
    order by token.n
  );
end;
$$;

comment on function private.word_sequences is 'Return each word with the words after it that may be of the same phrase.';

create function private.word_marks(p_sequences private.word_sequence[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from unnest(p_sequences) as piece
    cross join lateral (
      values
      (piece.word, 2 * piece.n, 2 * piece.n),
      (
        case when piece.gap not in (' ', '') then private.gap_sign(piece.gap) end,
        2 * piece.n + 1, 2 * piece.n + 1
      ),
      (piece.word || piece.second, 2 * piece.n, 2 * piece.n + 2),
      (piece.word || piece.second || piece.third, 2 * piece.n, 2 * piece.n + 4),
      (piece.word || piece.second || piece.third || piece.fourth, 2 * piece.n, 2 * piece.n + 6)
    ) as phrase (word, first, last)
    inner join private.filter_words as known on known.word = phrase.word
  );
end;
$$;

comment on function private.word_marks is 'Return the classes of words, of separators and of phrases of up to four words.';

create function private.disguised_word_marks(p_sequences private.word_sequence[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with piece as (
      select
        word.*,
        translate(word.gap, '@$!|*', 'asili') as sign,
        lead(translate(word.gap, '@$!|*', 'asili')) over (order by word.n) as next_sign
      from unnest(p_sequences) as word
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      -- Digits and signs in place of letters.
      (
        case
          when translate(piece.word, '0134578', '') not in (piece.word, '')
            then translate(piece.word, '0134578', 'oieastb')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when
            strpos(piece.word, '1') > 0 and translate(piece.word, '0134578', '') <> ''
            then translate(piece.word, '0134578', 'oleastb')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when char_length(piece.sign) = 1 and piece.sign in ('a', 's', 'i', 'l')
            then translate(piece.word || piece.sign || piece.second, '0134578', 'oieastb')
        end,
        2 * piece.n, 2 * piece.n + 2
      ),
      (
        case
          when piece.sign in ('a', 's', 'i', 'l') and piece.next_sign in ('a', 's', 'i', 'l')
            then piece.word || piece.sign || piece.second || piece.next_sign || piece.third
        end,
        2 * piece.n, 2 * piece.n + 4
      ),
      -- Names of services, without their vowels.
      (
        case
          when char_length(piece.word) between 5 and 12 and right(piece.word, 2) <> 'up'
            then '~' || translate(piece.word, 'kaeiouyh', 'c')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when
            char_length(piece.gap) = 1 and char_length(piece.word || piece.second) between 6 and 12
            and right(piece.second, 2) <> 'up'
            then '~' || translate(piece.word || piece.second, 'kaeiouyh', 'c')
        end,
        2 * piece.n, 2 * piece.n + 2
      )
    ) as phrase (word, first, last)
    inner join private.filter_words as known on known.word = phrase.word
  );
end;
$$;

comment on function private.disguised_word_marks is 'Return the classes of words that are written with digits or signs for letters, and of names of services with other vowels.';
