create function private.filter_tokens(p_folded text)
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
      union all
      -- Names of services in other scripts, as they are folded.
      select '=' || token.word, 2 * token.n, 2 * token.n
      from unnest(p_tokens) as token
      where char_length(token.word) between 6 and 8
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from phrase
    inner join private.filter_words as known on known.word = phrase.word
    where known.word = any(array(select phrase.word from phrase))
  );
end;
$$;
comment on function private.disguised_word_marks is 'Return the classes of words that are written with digits or signs for letters, and of names of services with other vowels or in other scripts.';

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
        and piece.next_word not in ('all', 'each', 'everyone', 'home', 'least', 'most', 'the')
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
      select 'inner_dot', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where piece.gap = '.' and piece.word <> ''
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
      union all
      -- A name at Reddit, as in "u/bob".
      select 'handle_like', 2 * piece.n, 2 * piece.n + 2
      from piece
      where piece.word = 'u' and piece.gap = '/' and char_length(piece.next_word) > 2
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
      union all
      -- A BSB with its account, or one of both, joined to its label: "acc12345678".
      select 'glued_account', piece.place
      from piece
      where
        (left(piece.word, 3) = 'bsb' and piece.length - piece.letters between 12 and 16)
        or (
          rtrim(piece.word, '0123456789') in (
            'acc', 'accno', 'account', 'accountno', 'acct', 'acctno', 'bsb'
          )
          and piece.length - piece.letters between 6 and 10
        )
    ) as found
  );
end;
$$;
comment on function private.code_marks is 'Return classes of words that have letters and digits.';

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
