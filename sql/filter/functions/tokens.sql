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
comment on function private.filter_tokens is 'Split a folded text into words of letters and digits, each with the separator after it. Only the first and the last word may be empty.';

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

create function private.joins(p_gap text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return translate(p_gap, ',;?!', '') = p_gap and p_gap <> '. ';
end;
$$;
comment on function private.joins is 'Return true if a phrase may go on after a separator.';

create function private.gap_sign(p_gap text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when strpos(p_gap, '@') > 0 then '@'
    -- A full stop ends a sentence, unless nothing or blanks surround it.
    when p_gap in ('. ', E'.\n', ', ', ',') then ','
    when p_gap = ' - ' or strpos(p_gap, '->') > 0 or strpos(p_gap, '=>') > 0 then ':'
    else nullif(translate(p_gap, E' \n()[]{}<>"''*~_', ''), '')
  end;
end;
$$;
comment on function private.gap_sign is 'Return the sign that a separator stands for.';

create function private.shape_of_word_marks(p_tokens private.filter_token[])
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
        token.gap,
        lag(token.gap) over sequence as gap_before,
        lead(token.gap) over sequence as next_gap,
        lead(token.word) over sequence as second,
        translate(token.word, 'abcdefghijklmnopqrstuvwxyz', '') as digits,
        translate(token.word, '0123456789', '') as letters
      from unnest(p_tokens) as token
      window sequence as (order by token.n)
    )

    select array_agg((found.class, 2 * piece.n + found.first, 2 * piece.n + found.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      (
        'pause', 1, 1,
        translate(piece.gap, E'.!?;\n,', '') <> piece.gap and piece.gap <> '.'
        and piece.word not in ('no', 'nos', 'ref', 'vol')
      ),
      (
        'handle_sign', 2, 2,
        right(piece.gap, 1) = '@' and left(piece.second, 1) between 'a' and 'z'
        and (piece.word = '' or piece.gap <> '@') and char_length(piece.second) > 2
      ),
      (
        'tight_at', 0, 2,
        piece.gap = '@' and left(piece.second, 1) between 'a' and 'z' and piece.letters <> ''
      ),
      (
        'at_sign', 0, 0,
        piece.word in ('at', 'a') and right(piece.gap_before, 1) in ('(', '[', '{', '<', '_', '*', '-')
        and left(piece.gap, 1) in (')', ']', '}', '>', '_', '*', '-')
      ),
      (
        'compound', 0, 2,
        piece.gap = '-' and piece.digits = '' and piece.second > 'a'
      ),
      ('tight_dot', 1, 1, piece.gap in ('.', E'.\n') and piece.word <> ''),
      (
        'url_like', 0, 4,
        piece.gap = '.' and left(piece.next_gap, 1) = '/' and char_length(piece.next_gap) < 4
        and piece.letters <> '' and piece.second > 'a' and char_length(piece.second) > 1
      ),
      (
        'unknown', 0, 0,
        piece.digits = '' and char_length(piece.word) > 2 and not exists (
          select from private.filter_words as known where known.word = piece.word
        )
      ),
      ('cashtag', 1, 2, right(piece.gap, 1) = '$' and piece.second > 'a'),
      (
        'long_code', 0, 0,
        char_length(piece.word) between 15 and 80 and piece.digits <> '' and piece.letters <> ''
      ),
      ('slash', 1, 1, left(piece.gap, 1) = '/' and piece.gap <> '/ '),
      (
        'handle_like', 0, 0,
        piece.digits <> '' and char_length(piece.letters) > 2
        and char_length(piece.word) between 5 and 24 and left(piece.word, 1) between 'a' and 'z'
      ),
      (
        'handle_like', 0, 2,
        (strpos(piece.gap, '_') > 0 or piece.gap in ('.', '#')) and char_length(piece.word) > 1
        and piece.letters <> ''
        and piece.second <> ''
      ),
      (
        'wallet', 0, 0,
        char_length(piece.word) between 26 and 80 and char_length(piece.digits) > 2
        and char_length(piece.letters) > 5
      )
    ) as found (class, first, last, is_found)
    where found.is_found
  );
end;
$$;
comment on function private.shape_of_word_marks is 'Return classes that follow from the form of words and separators.';

create function private.glued_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select array_agg((meaning, 2 * token.n, 2 * token.n)::private.filter_mark)
    from unnest(p_tokens) as token
    inner join private.filter_words as part
      on part.class = 'glued' and strpos(token.word, part.word) > 0
    -- A subquery, because a join would read the whole table for the few words that are found.
    cross join lateral unnest(
      array(select known.class from private.filter_words as known where known.word = part.word)
    ) as meaning
    where char_length(token.word) > 6
  );
end;
$$;
comment on function private.glued_marks is 'Return the classes of names of services inside longer words.';
