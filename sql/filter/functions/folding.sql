create function private.fold_text(p_text text)
returns private.folded_text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_folded private.folded_text;
begin
  if octet_length(p_text) = char_length(p_text) then
    v_folded.folded := lower(p_text collate "C");
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
comment on function private.fold_text is 'Fold a text into lower-case ASCII as a reader sees it. Each character keeps its place in the original.';
