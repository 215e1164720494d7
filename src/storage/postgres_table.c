// SPDX-License-Identifier: Apache-2.0
// What PostgreSQL's tables look like, and the plans by which rows go into them.
#include <stdlib.h>

#include "storage/postgres.h"

static const char no_provenance[] =
    "table %s has no column _source of type integer or _offset of type bigint, which tell where a row came from; run: ALTER TABLE \"%s\""
    " ADD COLUMN _source integer, ADD COLUMN _offset bigint";

// Types (pg_type.oid) that can be written.
static const struct {
    uint32_t oid;
    enum column_type type;
    enum postgres_form form;
} types[] = {
    {25, COLUMN_TEXT, FORM_TEXT},        // text
    {1043, COLUMN_TEXT, FORM_TEXT},      // varchar
    {1042, COLUMN_TEXT, FORM_TEXT},      // char(n)
    {701, COLUMN_DOUBLE, FORM_FLOAT8},   // double precision
    {700, COLUMN_DOUBLE, FORM_FLOAT4},   // real
    {23, COLUMN_INT64, FORM_INT4},       // integer
    {20, COLUMN_INT64, FORM_INT8},       // bigint
    {21, COLUMN_INT64, FORM_INT2},       // smallint
    {16, COLUMN_INT64, FORM_BOOL},       // boolean
    {1184, COLUMN_TIMESTAMP, FORM_TIME}, // timestamptz
    {1114, COLUMN_TIMESTAMP, FORM_TIME}, // timestamp
    {17, COLUMN_BYTES, FORM_TEXT},       // bytea
};
enum { TYPES = sizeof types / sizeof *types };

struct attribute {
    const char *name, *type_name;
    int type;      // index in types, or -1
    char category; // of the type, as the server has it
    bool not_null, has_default;
    bool automatic; // generated or an identity: the server gives its values
};

struct relation {
    const char *name;
    int64_t defaults; // columns that have one
    uint32_t count;
    struct attribute *attributes;
};

void postgres_append_name(struct buf *sql, const char *name)
{
    buf_append_byte(sql, '"');
    for (; *name; name++) {
        if (*name == '"') buf_append_byte(sql, '"');
        buf_append_byte(sql, *name);
    }
    buf_append_byte(sql, '"');
}

// --- Looking a table up ---

static int type_of(const char *oid)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].oid == strtoul(oid, NULL, 10)) return i;
    return -1;
}

static enum status check_kind(const char *name, const PGresult *rows, struct err *err)
{
    if (!PQntuples(rows)) return err_set(err, REJECT, ERR_STORAGE, "the store has no table %s", name);
    char kind = *PQgetvalue(rows, 0, 0), persistence = *PQgetvalue(rows, 0, 1);
    if (kind == 'v' || kind == 'm') return err_set(err, REJECT, ERR_STORAGE, "%s is a view: rows cannot be stored in it", name);
    if (kind != 'r' && kind != 'p')
        return err_set(err, REJECT, ERR_STORAGE, "%s is not an ordinary table: rows are not stored in it", name);
    // A crash of the server empties it, and the positions stay.
    if (persistence != 'p')
        return err_set(err, REJECT, ERR_STORAGE, "table %s would lose its rows in a crash; run: ALTER TABLE \"%s\" SET LOGGED", name, name);
    return OK;
}

#define DEFAULTS "(SELECT count(*) FROM pg_attrdef d WHERE d.adrelid = c.oid)"

static const char look_sql[] =
    "SELECT c.relkind, c.relpersistence, a.attname, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,"
    " a.atthasdef OR t.typdefault IS NOT NULL, a.attidentity <> '' OR a.attgenerated <> '', t.typcategory,"
    " " DEFAULTS " FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_type t ON t.oid = a.atttypid WHERE c.oid = to_regclass(quote_ident($1)) ORDER BY a.attnum";

// What there is under that name on the search_path now.
static enum status look(struct postgres *self, const char *name, struct arena *arena, struct relation *out, struct err *err)
{
    PGresult *rows;
    TRY(postgres_ask(self, "look a table up", look_sql, 1, &name, &rows, err));
    enum status status = check_kind(name, rows, err);
    *out = (struct relation){.name = name, .count = status == OK ? (uint32_t)PQntuples(rows) : 0};
    if (status == OK) out->defaults = strtoll(PQgetvalue(rows, 0, 9), NULL, 10);
    out->attributes = arena_calloc(arena, out->count, sizeof *out->attributes);
    for (uint32_t i = 0; i < out->count; i++) {
        const char *cells[9];
        for (int c = 2; c < 9; c++) cells[c] = PQgetvalue(rows, (int)i, c);
        out->attributes[i] = (struct attribute){.name = arena_copy(arena, cells[2], strlen(cells[2])),
                                                .type = type_of(cells[3]),
                                                .type_name = arena_copy(arena, cells[4], strlen(cells[4])),
                                                .not_null = *cells[5] == 't',
                                                .has_default = *cells[6] == 't',
                                                .automatic = *cells[7] == 't',
                                                .category = *cells[8]};
    }
    PQclear(rows);
    return status;
}

static const struct attribute *find(const struct relation *relation, const char *name)
{
    for (uint32_t i = 0; i < relation->count; i++)
        if (!strcmp(relation->attributes[i].name, name)) return &relation->attributes[i];
    return NULL;
}

static bool is_provenance(const char *name)
{
    return !strcmp(name, "_source") || !strcmp(name, "_offset");
}

// The nearest type that can be written.
static const char *type_instead(const struct attribute *attribute)
{
    switch (attribute->category) {
    case 'N': return "double precision";
    case 'D': return "timestamptz";
    default: return "text";
    }
}

static enum status check_types(const struct relation *relation, struct err *err)
{
    for (uint32_t i = 0; i < relation->count; i++) {
        const struct attribute *attribute = &relation->attributes[i];
        const char *instead = type_instead(attribute);
        if (attribute->type < 0 && !attribute->automatic)
            return err_set(
                err, REJECT, ERR_STORAGE,
                "column %s of table %s is of type %s, which cannot be written; run: ALTER TABLE \"%s\" ALTER COLUMN \"%s\" TYPE %s USING"
                " \"%s\"::%s; the types are text, double precision, real, bigint, integer, smallint, boolean, timestamptz, timestamp and"
                " bytea",
                attribute->name, relation->name, attribute->type_name, relation->name, attribute->name, instead, attribute->name, instead);
    }
    return find(relation, "_source") && find(relation, "_offset")
             ? OK
             : err_set(err, REJECT, ERR_STORAGE, no_provenance, relation->name, relation->name);
}

static struct row_column row_column_of(const struct attribute *attribute)
{
    return (struct row_column){.name = attribute->name,
                               .type = types[attribute->type].type,
                               .flag = types[attribute->type].form == FORM_BOOL,
                               .declared = attribute->type_name};
}

enum status postgres_table(struct sink *sink, const char *name, struct arena *arena, struct row_type **out, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    struct relation relation;
    TRY(postgres_ready(self, err));
    TRY(look(self, name, arena, &relation, err));
    TRY(check_types(&relation, err));
    struct row_column *columns = arena_calloc(arena, relation.count, sizeof *columns);
    uint32_t count = 0;
    for (uint32_t i = 0; i < relation.count; i++) {
        const struct attribute *attribute = &relation.attributes[i];
        if (is_provenance(attribute->name) || attribute->automatic) continue;
        columns[count] = row_column_of(attribute);
        columns[count++].required = attribute->not_null && !attribute->has_default;
    }
    *out = arena_alloc(arena, sizeof **out);
    **out = (struct row_type){arena_copy(arena, name, strlen(name)), count, columns};
    return OK;
}

// --- Plans ---

static void plan_fini(struct postgres_plan *plan)
{
    free(plan->table);
    arena_fini(&plan->arena);
}

void postgres_plans_fini(struct postgres *self)
{
    for (uint32_t i = 0; i < self->plan_count; i++) plan_fini(&self->plans[i]);
    if (self->quarantine.used) plan_fini(&self->quarantine);
}

static bool same_type(const struct row_type *a, const struct row_type *b)
{
    bool same = a->column_count == b->column_count;
    for (uint32_t i = 0; i < a->column_count && same; i++)
        same = a->columns[i].type == b->columns[i].type && !strcmp(a->columns[i].name, b->columns[i].name);
    return same;
}

static bool same_plan(const struct postgres_plan *a, const struct postgres_plan *b)
{
    bool same = same_type(&a->type, &b->type) && a->all_count == b->all_count && a->defaults == b->defaults;
    for (uint32_t i = 0; i < a->all_count && same; i++)
        same = !strcmp(a->all[i].type, b->all[i].type) && a->all[i].has_default == b->all[i].has_default;
    return same;
}

static const char *type_to_add(enum column_type type)
{
    switch (type) {
    case COLUMN_INT64: return "bigint";
    case COLUMN_DOUBLE: return "double precision";
    case COLUMN_TEXT: return "text";
    case COLUMN_BYTES: return "bytea";
    case COLUMN_TIMESTAMP: return "timestamptz";
    }
    return "text";
}

static enum status refuse_type(struct postgres *self, const struct relation *relation, const struct row_column *there,
                               enum column_type type, struct err *err)
{
    struct buf sql;
    buf_init(&sql, ERR_TEXT_BYTES / 2);
    sink_append_retype(&sql, &self->sink, relation->name, there, type);
    err_set(err, REJECT, ERR_STORAGE, "column %s of table %s is of type %s now, and the rows have a value of type %s; run: %.*s",
            there->name, relation->name, there->declared, column_type_name(type), SLICE_ARG(buf_slice(&sql)));
    buf_fini(&sql);
    return REJECT;
}

static enum status add_column(struct postgres *self, struct postgres_plan *plan, const struct relation *relation, uint32_t column,
                              struct err *err)
{
    const char *name = plan->type.columns[column].name;
    enum column_type type = plan->type.columns[column].type;
    const struct attribute *attribute = find(relation, name);
    if (!attribute)
        return err_set(err, REJECT, ERR_STORAGE, "table %s has no column %s; run: ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", relation->name,
                       name, relation->name, name, type_to_add(type));
    if (attribute->automatic)
        return err_set(err, REJECT, ERR_STORAGE, "column %s of table %s is given by the server and cannot be written", name,
                       relation->name);
    if (attribute->type < 0)
        return err_set(err, REJECT, ERR_STORAGE,
                       "column %s of table %s is of type %s now, which cannot be written; run: ALTER TABLE \"%s\""
                       " ALTER COLUMN \"%s\" TYPE %s USING \"%s\"::%s",
                       name, relation->name, attribute->type_name, relation->name, name, type_to_add(type), name, type_to_add(type));
    struct row_column there = row_column_of(attribute);
    if (there.type != type || (there.flag && !plan->type.columns[column].flag)) return refuse_type(self, relation, &there, type, err);
    plan->all[plan->all_count++] = (struct postgres_field){.form = types[attribute->type].form,
                                                           .column = (int32_t)column,
                                                           .name = name,
                                                           .type = attribute->type_name,
                                                           .has_default = attribute->has_default};
    return OK;
}

static enum status check_others(const struct postgres_plan *plan, const struct relation *relation, struct err *err)
{
    for (uint32_t i = 0; i < relation->count; i++) {
        const struct attribute *attribute = &relation->attributes[i];
        if (!attribute->not_null || attribute->has_default || attribute->automatic || is_provenance(attribute->name)) continue;
        if (row_type_column(&plan->type, slice_of(attribute->name)) < 0)
            return err_set(
                err, REJECT, ERR_STORAGE,
                "column %s of table %s must not be null, and the rows do not have it; run: ALTER TABLE \"%s\" ALTER COLUMN \"%s\""
                " DROP NOT NULL, or give it in the SELECT of the route",
                attribute->name, relation->name, relation->name, attribute->name);
    }
    return OK;
}

static enum status add_provenance(struct postgres_plan *plan, const struct relation *relation, const char *name, int32_t column,
                                  struct err *err)
{
    const struct attribute *attribute = find(relation, name);
    enum postgres_form form = attribute && attribute->type >= 0 ? types[attribute->type].form : FORM_TEXT;
    if (!attribute || (form != FORM_INT8 && (form != FORM_INT4 || column == FIELD_OFFSET)))
        return err_set(err, REJECT, ERR_STORAGE, no_provenance, relation->name, relation->name);
    plan->all[plan->all_count++] = (struct postgres_field){form, column, .name = name, .type = attribute->type_name};
    return OK;
}

static enum status add_columns(struct postgres *self, struct postgres_plan *plan, const struct relation *relation, struct err *err)
{
    for (uint32_t i = 0; i < plan->type.column_count; i++) TRY(add_column(self, plan, relation, i, err));
    TRY(check_others(plan, relation, err));
    plan->defaults = relation->defaults;
    TRY(add_provenance(plan, relation, "_source", FIELD_SOURCE, err));
    return add_provenance(plan, relation, "_offset", FIELD_OFFSET, err);
}

static void copy_type(struct postgres_plan *plan, const struct row_type *type)
{
    struct row_column *columns = arena_calloc(&plan->arena, type->column_count, sizeof *columns);
    for (uint32_t i = 0; i < type->column_count; i++) {
        columns[i] = type->columns[i];
        columns[i].name = arena_copy(&plan->arena, columns[i].name, strlen(columns[i].name));
        columns[i].declared = NULL; // not needed, and not ours
    }
    plan->type = (struct row_type){plan->table, type->column_count, columns};
    plan->all = arena_calloc(&plan->arena, type->column_count + 2, sizeof *plan->all);
    plan->used = arena_calloc(&plan->arena, type->column_count + 2, sizeof *plan->used);
}

// A statement whose result has the types of the columns. Executed after a COPY, under the same lock on the table, it fails when one of
// them is not what it was when the plan was made: without it a double could be stored as a bigint, bit by bit. It also fails, by a
// division, when the table is not kept through a crash any more, or has another number of defaults than it is executed with. It never gives
// a row.
static enum status prepare_shape(struct postgres *self, struct postgres_plan *plan, struct err *err)
{
    struct buf *sql = &self->sql;
    buf_reset(sql);
    plan->shape = ++self->shapes;
    buf_printf(sql, "PREPARE fdp_shape_%u(bigint) AS SELECT ", plan->shape);
    for (uint32_t i = 0; i < plan->type.column_count; i++) {
        postgres_append_name(sql, plan->type.columns[i].name);
        buf_append_text(sql, ", ");
    }
    buf_append_text(sql, "_source, _offset FROM ");
    postgres_append_name(sql, plan->table);
    char *name = PQescapeLiteral(self->conn, plan->table, strlen(plan->table));
    buf_printf(sql,
               " WHERE 0 = (SELECT 1 / (c.relpersistence = 'p' AND " DEFAULTS " = $1)::int FROM pg_class c WHERE c.oid ="
               " to_regclass(quote_ident(%s)))",
               name ? name : "NULL");
    PQfreemem(name);
    buf_append_byte(sql, '\0');
    if (sql->full) return err_set(err, REJECT, ERR_STORAGE, "table %s has too many columns", plan->table);
    return postgres_run(self, "prepare to write to a table", sql->data, err);
}

// In this order: what is looked up is not older than the shape.
static enum status make(struct postgres *self, const struct sink_table *table, struct postgres_plan *plan, struct err *err)
{
    *plan = (struct postgres_plan){.table = strdup(table->name)};
    if (!plan->table) abort();
    arena_init(&plan->arena, 4096);
    copy_type(plan, table->rows->type);
    struct relation relation;
    struct err why;
    enum status prepared = prepare_shape(self, plan, &why), status = OK;
    if (prepared != OK && prepared != FATAL) {
        *err = why;
        status = prepared == AGAIN && self->locked ? postgres_err_locked(plan->table, why.text, err) : prepared;
    }
    if (status == OK) status = look(self, plan->table, &plan->arena, &relation, err);
    if (status == OK) status = add_columns(self, plan, &relation, err);
    if (status == OK && prepared != OK) status = err_set(err, REJECT, ERR_STORAGE, "%s", why.text);
    if (status != OK) plan_fini(plan);
    return status;
}

static void forget_shape(struct postgres *self, struct postgres_plan *plan)
{
    char sql[64];
    struct err ignored; // it is a name less in the server's memory, no more
    snprintf(sql, sizeof sql, "DEALLOCATE fdp_shape_%u", plan->shape);
    if (plan->shape && self->conn && postgres_run(self, "forget a plan", sql, &ignored) != OK) plan->shape = 0;
    plan->shape = 0;
}

static struct postgres_plan *find_plan(struct postgres *self, const char *table)
{
    for (uint32_t i = 0; i < self->plan_count; i++)
        if (!strcmp(self->plans[i].table, table)) return &self->plans[i];
    return NULL;
}

static enum status make_and_keep(struct postgres *self, const struct sink_table *table, struct postgres_plan **out, struct err *err)
{
    struct postgres_plan made, *plan = find_plan(self, table->name);
    if (!plan && self->plan_count == POSTGRES_MAX_TABLES)
        return err_set(err, FATAL, ERR_STORAGE, "more than %d tables are written to", POSTGRES_MAX_TABLES);
    TRY(make(self, table, &made, err));
    if (plan) {
        forget_shape(self, plan);
        plan_fini(plan);
    } else {
        plan = &self->plans[self->plan_count++];
    }
    *plan = made;
    *out = plan;
    return OK;
}

// --- Binding ---

// False when there is nothing to write: a column that is null in every row is left out, but not where it would get a default instead of a
// null that a route gives. So a record makes the same row whatever others are in its batch.
static bool bind_field(struct postgres_field *field, const struct batch *rows)
{
    if (field->column == FIELD_SOURCE || field->column == FIELD_OFFSET) {
        field->values = field->column == FIELD_SOURCE ? rows->source : rows->offset;
        return true;
    }
    const struct column *column = &rows->columns[field->column];
    field->values = column->values;
    field->null = memchr(column->null, 1, rows->rows) ? column->null : NULL;
    return memchr(column->null, 0, rows->rows) || (field->has_default && !rows->type->columns[field->column].absent);
}

static void bind_plan(struct postgres_plan *plan, const struct batch *rows)
{
    plan->used_count = 0;
    for (uint32_t i = 0; i < plan->all_count; i++)
        if (bind_field(&plan->all[i], rows)) plan->used[plan->used_count++] = plan->all[i];
    plan->fixed_bytes = 2 + (size_t)plan->used_count * (4 + 8);
}

enum status postgres_plan(struct postgres *self, const struct sink_table *table, struct postgres_plan **out, struct err *err)
{
    struct postgres_plan *plan = find_plan(self, table->name);
    if (!plan || !plan->shape || !same_type(&plan->type, table->rows->type)) TRY(make_and_keep(self, table, &plan, err));
    bind_plan(plan, table->rows);
    *out = plan;
    return OK;
}

enum status postgres_plan_check(struct postgres *self, struct postgres_plan *plan, const struct sink_table *table, struct err *err)
{
    struct postgres_plan made;
    enum status status = make(self, table, &made, err);
    forget_shape(self, plan); // whatever has come of it, it is not used again
    if (status != OK) return status;
    bool same = same_plan(plan, &made);
    plan_fini(plan);
    *plan = made;
    return same ? OK : err_set(err, AGAIN, ERR_STORAGE, "table %s was altered just now; trying again", table->name);
}
