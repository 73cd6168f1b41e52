create function private.filter_tokens(p_folded text)
returns private.filter_token[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select
      array_agg(
        (piece.n, piece.word, piece.gap, piece.start_at, piece.start_at + char_length(piece.word))
        ::private.filter_token
        order by piece.n
      )
    from (
      select
        found.n::integer as n,
        found.parts[1] as word,
        found.parts[2] as gap,
        coalesce(sum(char_length(found.parts[1]) + char_length(found.parts[2])) over (
          order by found.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at
      from
        regexp_matches(p_folded, '([a-z0-9]*)([^a-z0-9]*)', 'g')
        with ordinality as found (parts, n)
    ) as piece
  );
end;
$$;
comment on function private.filter_tokens is 'Split a folded text into words of letters and digits, each with the separator after it. Only the first word may be empty.';

create function private.word_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with piece as (
      select
        token.n,
        token.word,
        btrim(token.gap) as gap,
        lead(token.word) over (order by token.n) as second,
        lead(token.word, 2) over (order by token.n) as third,
        lead(token.word, 3) over (order by token.n) as fourth,
        translate(token.gap, ' .,-_/()[]', '') as symbol
      from unnest(p_tokens) as token
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      (piece.word, 2 * piece.n, 2 * piece.n),
      (nullif(piece.gap, ''), 2 * piece.n + 1, 2 * piece.n + 1),
      (piece.word || piece.second, 2 * piece.n, 2 * piece.n + 2),
      (piece.word || piece.second || piece.third, 2 * piece.n, 2 * piece.n + 4),
      (piece.word || piece.second || piece.third || piece.fourth, 2 * piece.n, 2 * piece.n + 6)
    ) as phrase (word, first, last)
    inner join private.filter_words as known on known.word = phrase.word
  );
end;
$$;
comment on function private.word_marks is 'Return the classes of words, of separators and of phrases of up to four words.';
