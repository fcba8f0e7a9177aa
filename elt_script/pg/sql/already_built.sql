-- Whether a table has an index, or a constraint that rests on one, of this name that is the same in all else.
--
-- %(table)s       text, quoted, as %(index)s is
-- %(name)s        text
-- %(definition)s  text, of the index what follows the table's name
-- %(unique)s      bool, of the index; null for a constraint
-- returns         bool
select case
    when %(unique)s::bool is null then exists (
        select
        from pg_constraint
        where conrelid = %(table)s::regclass and conname = %(name)s and pg_get_constraintdef(oid) = %(definition)s
    )
    else exists (
        select
        from pg_index
        where indrelid = %(table)s::regclass and indexrelid = to_regclass(%(index)s) and indisunique = %(unique)s
            and right(pg_get_indexdef(indexrelid), length(%(definition)s)) = %(definition)s
    )
end
