// SPDX-License-Identifier: Apache-2.0
// Random schemas as JSON trees, readers that evolved from them, and texts that are spelled in many ways or broken.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;

final class Schemas {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final String[] PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
    private static final String[][] LOGICAL = {
        {"int", "date"}, {"int", "time-millis"}, {"long", "time-micros"}, {"long", "timestamp-millis"}, {"long", "timestamp-micros"},
        {"long", "timestamp-nanos"}, {"long", "local-timestamp-millis"}, {"long", "local-timestamp-micros"},
        {"long", "local-timestamp-nanos"}, {"string", "uuid"}, {"int", "unheard-of"}, {"string", "date"}};
    private static final String[] DOCS =
        {"", "about", "quote \" and \\", "tab\tand\nline", "\u00e9\u20ac\ud83d\ude00", "/slash/", "\u0001"};

    private final Random random;
    private int names;
    // Named types that are complete, by full name; and how they were declared.
    private final Map<String, ObjectNode> known = new HashMap<>();
    // Records that are being declared: they may be mentioned where a value can end.
    private final List<String> open = new ArrayList<>();

    Schemas(Random random) {
        this.random = random;
    }

    private boolean chance(double p) {
        return random.nextDouble() < p;
    }

    private <T> T pick(T[] of) {
        return of[random.nextInt(of.length)];
    }

    // A record at the top, as rows need it.
    ObjectNode record() {
        return record(null, 3);
    }

    private String declare(ObjectNode type, String space) {
        String name = "N" + names++;
        String full;
        if (chance(0.2)) {
            String own = pick(new String[] {"a", "a.b", "x.y.z"});
            full = own + "." + name;
            if (chance(0.5)) {
                type.put("name", full);
            } else {
                type.put("name", name).put("namespace", own);
            }
        } else if (chance(0.05)) {
            full = name;
            type.put("name", name).put("namespace", "");
        } else {
            full = space == null || space.isEmpty() ? name : space + "." + name;
            type.put("name", name);
        }
        if (chance(0.2)) type.put("doc", pick(DOCS));
        if (chance(0.1)) type.putArray("aliases").add("Alias" + names).add("other.Alias" + names);
        property(type, 0.1);
        return full;
    }

    private void property(ObjectNode node, double p) {
        if (!chance(p)) return;
        JsonNode[] values = {JSON.numberNode(1), JSON.numberNode(-2.5), JSON.nullNode(), JSON.booleanNode(true), JSON.textNode(pick(DOCS)),
            JSON.arrayNode().add(1).add("x"), JSON.objectNode().put("b", 1).put("a", 12345678901L), JSON.numberNode(1.25e10),
            JSON.numberNode(0.0001)};
        node.set(pick(new String[] {"zeta", "alpha", "sqlType", "\u00e9"}), pick(values));
    }

    private static String space(String full) {
        int dot = full.lastIndexOf('.');
        return dot < 0 ? "" : full.substring(0, dot);
    }

    private ObjectNode record(String space, int depth) {
        ObjectNode type = JSON.objectNode().put("type", "record");
        String full = declare(type, space);
        open.add(full);
        ArrayNode fields = type.putArray("fields");
        int count = depth == 3 ? 1 + random.nextInt(8) : random.nextInt(4);
        for (int i = 0; i < count; i++) fields.add(field(space(full), depth - 1));
        open.remove(full);
        known.put(full, type);
        return type;
    }

    private ObjectNode field(String space, int depth) {
        ObjectNode field = JSON.objectNode().put("name", "f" + names++);
        JsonNode type = type(space, depth, true);
        field.set("type", type);
        if (chance(0.1)) field.put("doc", pick(DOCS));
        if (chance(0.1)) field.put("order", pick(new String[] {"ascending", "descending", "ignore"}));
        if (chance(0.1)) field.putArray("aliases").add("old" + names).add("older" + names);
        if (chance(0.3)) {
            JsonNode value = value(type, 0);
            if (value != null) field.set("default", value);
        }
        property(field, 0.1);
        return field;
    }

    private JsonNode type(String space, int depth, boolean unions) {
        int kind = random.nextInt(depth > 0 ? 15 : 8);
        if (kind < 4) return primitive();
        if (kind < 6) return logical();
        if (kind == 6) return enumeration(space);
        if (kind == 7) return fixed(space);
        if (kind == 8) return JSON.objectNode().put("type", "array").set("items", type(space, depth - 1, true));
        if (kind == 9) return JSON.objectNode().put("type", "map").set("values", type(space, depth - 1, true));
        if (kind == 10) return record(space, depth - 1);
        if (kind == 11) return mention(space);
        return unions ? union(space, depth) : primitive();
    }

    private JsonNode primitive() {
        String name = pick(PRIMITIVES);
        if (chance(0.8)) return JSON.textNode(name);
        ObjectNode type = JSON.objectNode().put("type", name);
        property(type, 0.5);
        return type;
    }

    private JsonNode logical() {
        if (chance(0.25)) {
            int precision = 1 + random.nextInt(30);
            return JSON.objectNode().put("type", "bytes").put("logicalType", "decimal").put("precision", precision)
                .put("scale", random.nextInt(precision + 1));
        }
        String[] pair = pick(LOGICAL);
        return JSON.objectNode().put("type", pair[0]).put("logicalType", pair[1]);
    }

    private ObjectNode enumeration(String space) {
        ObjectNode type = JSON.objectNode().put("type", "enum");
        String full = declare(type, space);
        ArrayNode symbols = type.putArray("symbols");
        int count = 1 + random.nextInt(5);
        for (int i = 0; i < count; i++) symbols.add("S" + (char) ('A' + i));
        if (chance(0.3)) type.put("default", "S" + (char) ('A' + random.nextInt(count)));
        known.put(full, type);
        return type;
    }

    private ObjectNode fixed(String space) {
        ObjectNode type = JSON.objectNode().put("type", "fixed");
        String full = declare(type, space);
        int kind = random.nextInt(5);
        type.put("size", kind == 0 ? 16 : kind == 1 ? 12 : kind == 2 ? 8 : random.nextInt(5));
        if (kind == 0) type.put("logicalType", "uuid");
        if (kind == 1) type.put("logicalType", "duration");
        if (kind == 2) type.put("logicalType", "decimal").put("precision", 15).put("scale", 4);
        known.put(full, type);
        return type;
    }

    // A named type by its name: short where that is enough. A bare name would be looked for in the enclosing namespace first.
    private JsonNode mention(String space) {
        List<String> candidates = new ArrayList<>(known.keySet());
        Collections.sort(candidates);
        if (candidates.isEmpty()) return JSON.textNode("string");
        return JSON.textNode(name(candidates.get(random.nextInt(candidates.size())), space));
    }

    private String name(String full, String space) {
        boolean same = space(full).equals(space == null ? "" : space);
        return same && chance(0.7) ? full.substring(full.lastIndexOf('.') + 1) : full;
    }

    private ArrayNode union(String space, int depth) {
        ArrayNode union = JSON.arrayNode();
        List<String> taken = new ArrayList<>();
        int count = chance(0.5) ? 1 : 1 + random.nextInt(4);
        if (chance(0.7)) add(union, taken, JSON.textNode("null"));
        for (int i = 0; i < count; i++) add(union, taken, type(space, depth - 1, false));
        // A record inside itself, where it can end; Avro Java 1.12 finds no bare name from inside another namespace.
        if (!open.isEmpty() && chance(0.2)) {
            String full = open.get(random.nextInt(open.size()));
            if (full.contains(".") || space == null || space.isEmpty()) {
                add(union, taken, JSON.textNode("null"));
                add(union, taken, JSON.textNode(full));
            }
        }
        if (chance(0.3)) {
            List<JsonNode> branches = new ArrayList<>();
            union.forEach(branches::add);
            // Declarations come before mentions: only leaves may change places.
            if (branches.stream().allMatch(branch -> branch.isTextual() && kindOf(branch.textValue()) != null)) {
                Collections.shuffle(branches, random);
                union.removeAll();
                branches.forEach(union::add);
            }
        }
        return union;
    }

    private static String kindOf(String name) {
        for (String primitive : PRIMITIVES) if (primitive.equals(name)) return primitive;
        return null;
    }

    private void add(ArrayNode union, List<String> taken, JsonNode branch) {
        String name = branch.isTextual() ? branch.textValue() : branch.get("type").textValue();
        if (branch.has("name")) name = branch.get("name").textValue();
        name = name.substring(name.lastIndexOf('.') + 1);
        if (taken.contains(name)) {
            if (branch.has("name")) known.values().remove(branch);
            return;
        }
        taken.add(name);
        union.add(branch);
    }

    // The declaration that a type is or mentions; null for a record that is not complete.
    private JsonNode resolve(JsonNode type) {
        if (!type.isTextual() || kindOf(type.textValue()) != null) return type;
        String name = type.textValue();
        for (Map.Entry<String, ObjectNode> entry : known.entrySet())
            if (entry.getKey().equals(name) || entry.getKey().endsWith("." + name)) return entry.getValue();
        return null;
    }

    // A JSON value that can be the default of a type; null when there is none to be had.
    JsonNode value(JsonNode given, int depth) {
        JsonNode type = resolve(given);
        if (type == null || depth > 4) return null;
        if (type.isArray()) {
            if (type.isEmpty()) return null;
            for (JsonNode branch : type) if (branch.isTextual() && branch.textValue().equals("null") && chance(0.5)) return JSON.nullNode();
            // Avro Java takes the first branch that looks as if it could hold the value: the first of all is safe.
            return value(type.get(0), depth + 1);
        }
        String kind = type.isTextual() ? type.textValue() : type.get("type").textValue();
        switch (kind) {
        case "null": return JSON.nullNode();
        case "boolean": return JSON.booleanNode(random.nextBoolean());
        case "int": return JSON.numberNode(random.nextInt(2000) - 1000);
        case "long": return JSON.numberNode(chance(0.2) ? (long) random.nextInt() * 1000 : random.nextInt(2000));
        case "float": return JSON.numberNode(random.nextInt(4000) / 8.0);
        case "double": return chance(0.3) ? JSON.numberNode(random.nextInt(50)) : JSON.numberNode(random.nextInt(400000) / 100.0);
        case "string": return JSON.textNode(pick(new String[] {"", "text", "\u00e9\u20ac", "a\"b\\c\n", "12.5"}));
        case "bytes":
            if (type.has("logicalType")) return JSON.textNode("\u0001");
            return JSON.textNode(pick(new String[] {"", "\u0000\u00ff\u007f", "bytes"}));
        case "fixed": {
            // A decimal must not have more digits than its precision.
            StringBuilder text = new StringBuilder();
            int zeros = type.has("logicalType") ? 7 : 1;
            for (int i = 0; i < type.get("size").intValue(); i++) text.append((char) (i < zeros ? 0 : random.nextInt(256)));
            return JSON.textNode(text.toString());
        }
        case "enum": return type.get("symbols").get(random.nextInt(type.get("symbols").size()));
        case "array":
        case "map": return items(type, kind.equals("array"), depth);
        case "record": return recordValue(type, depth);
        default: return resolve(JSON.textNode(kind)) == null ? null : value(JSON.textNode(kind), depth + 1);
        }
    }

    private JsonNode items(JsonNode type, boolean array, int depth) {
        ArrayNode list = JSON.arrayNode();
        ObjectNode map = JSON.objectNode();
        for (int i = random.nextInt(3); i > 0; i--) {
            JsonNode item = value(type.get(array ? "items" : "values"), depth + 1);
            if (item == null) return null;
            list.add(item);
            map.set("key" + i, item);
        }
        return array ? list : map;
    }

    private JsonNode recordValue(JsonNode type, int depth) {
        ObjectNode record = JSON.objectNode();
        for (JsonNode field : type.get("fields")) {
            if (field.has("default") && chance(0.5)) continue;
            JsonNode value = value(field.get("type"), depth + 1);
            if (value == null) return null;
            record.set(field.get("name").textValue(), value);
        }
        return record;
    }

    // ---- a reader that evolved from a writer

    private final Map<String, String> renamed = new HashMap<>();

    ObjectNode evolve(ObjectNode writer) {
        renamed.clear();
        // New types of the reader may not mention those of the writer: which are still there is not known yet.
        known.clear();
        return (ObjectNode) evolve(writer, "");
    }

    private JsonNode evolve(JsonNode type, String space) {
        if (type.isArray()) return evolveUnion(type, space);
        if (type.isTextual()) return kindOf(type.textValue()) != null ? evolvePrimitive(type) : evolveMention(type.textValue(), space);
        switch (type.get("type").textValue()) {
        case "record": return evolveRecord((ObjectNode) type, space);
        case "enum": return evolveEnum((ObjectNode) type, space);
        case "fixed": return evolveName((ObjectNode) type.deepCopy(), space);
        case "array": return ((ObjectNode) type.deepCopy()).set("items", evolve(type.get("items"), space));
        case "map": return ((ObjectNode) type.deepCopy()).set("values", evolve(type.get("values"), space));
        default: return type.has("logicalType") ? type.deepCopy() : evolvePrimitive(type);
        }
    }

    private JsonNode evolveMention(String name, String space) {
        String full = name.contains(".") ? name : space.isEmpty() || !renamed.containsKey(space + "." + name) ? name : space + "." + name;
        return JSON.textNode(renamed.getOrDefault(full, full));
    }

    private JsonNode evolvePrimitive(JsonNode type) {
        String name = type.isTextual() ? type.textValue() : type.get("type").textValue();
        if (!chance(0.3)) return type.deepCopy();
        switch (name) {
        case "int": return JSON.textNode(pick(new String[] {"long", "float", "double"}));
        case "long": return JSON.textNode(pick(new String[] {"float", "double"}));
        case "float": return JSON.textNode("double");
        case "string": return JSON.textNode("bytes");
        case "bytes": return JSON.textNode("string");
        default: return type.deepCopy();
        }
    }

    private String full(ObjectNode type, String space) {
        String name = type.get("name").textValue();
        if (name.contains(".")) return name;
        String own = type.has("namespace") ? type.get("namespace").textValue() : space;
        return own.isEmpty() ? name : own + "." + name;
    }

    private ObjectNode evolveName(ObjectNode type, String space) {
        String full = full(type, space);
        renamed.put(full, full);
        // Without a namespace, inside another one, the old name could not be said: "Name" would mean "space.Name".
        if (!chance(0.15) || (space(full).isEmpty() && !space.isEmpty())) return type;
        String other = "Renamed" + names++;
        renamed.put(full, space(full).isEmpty() ? other : space(full) + "." + other);
        type.remove("namespace");
        type.put("name", renamed.get(full));
        type.putArray("aliases").add(full);
        return type;
    }

    private ObjectNode evolveRecord(ObjectNode writer, String outer) {
        ObjectNode reader = evolveName((ObjectNode) writer.deepCopy(), outer);
        String space = space(renamed.get(full(writer, outer)));
        List<ObjectNode> fields = new ArrayList<>();
        for (JsonNode field : writer.get("fields")) {
            // A field that goes may take a declaration along that others mention: only leaves go.
            if (chance(0.15) && !declares(field.get("type"))) continue;
            ObjectNode copy = (ObjectNode) field.deepCopy();
            copy.set("type", evolveField(field.get("type"), space));
            if (!copy.get("type").equals(field.get("type"))) copy.remove("default");
            if (chance(0.1)) {
                String old = copy.get("name").textValue();
                copy.put("name", "renamed" + names++);
                copy.putArray("aliases").add("never").add(old);
            }
            fields.add(copy);
        }
        for (int i = random.nextInt(3); i > 0 && chance(0.5); i--) {
            JsonNode type = type(space, 1, true), value = value(type, 0);
            if (value == null) continue;
            ObjectNode field = JSON.objectNode().put("name", "new" + names++);
            field.set("type", type);
            field.set("default", value);
            fields.add(random.nextInt(fields.size() + 1), field);
        }
        if (chance(0.3) && fields.stream().noneMatch(field -> declares(field.get("type")))) Collections.shuffle(fields, random);
        reader.putArray("fields").addAll(fields);
        return reader;
    }

    private JsonNode evolveField(JsonNode type, String space) {
        JsonNode evolved = evolve(type, space);
        if (evolved.isArray() || !chance(0.1) || (evolved.isTextual() && evolved.textValue().equals("null"))) return evolved;
        return chance(0.5) ? JSON.arrayNode().add("null").add(evolved) : JSON.arrayNode().add(evolved).add("null");
    }

    private static boolean declares(JsonNode type) {
        if (type.isTextual()) return kindOf(type.textValue()) == null;
        if (type.has("name")) return true;
        for (Iterator<JsonNode> it = type.elements(); it.hasNext();) if (!it.next().isValueNode()) return true;
        if (type.isArray()) for (JsonNode branch : type) if (declares(branch)) return true;
        return type.has("items") && declares(type.get("items")) || type.has("values") && declares(type.get("values"));
    }

    private JsonNode evolveEnum(ObjectNode writer, String space) {
        ObjectNode reader = evolveName((ObjectNode) writer.deepCopy(), space);
        List<JsonNode> symbols = new ArrayList<>();
        writer.get("symbols").forEach(symbols::add);
        if (chance(0.3)) Collections.shuffle(symbols, random);
        if (chance(0.3)) symbols.add(random.nextInt(symbols.size() + 1), JSON.textNode("New"));
        if (chance(0.3) && symbols.size() > 1) symbols.remove(random.nextInt(symbols.size()));
        reader.putArray("symbols").addAll(symbols);
        reader.remove("default");
        if (chance(0.6)) reader.set("default", symbols.get(0));
        return reader;
    }

    private JsonNode evolveUnion(JsonNode writer, String space) {
        List<JsonNode> branches = new ArrayList<>();
        List<String> taken = new ArrayList<>();
        boolean leaves = !declares(writer), timestamps = false;
        for (JsonNode branch : writer) timestamps |= branch.path("logicalType").asText().contains("timestamp");
        for (JsonNode branch : writer) {
            // A bare number that is read as a timestamp says its unit by its digits to us, not to Avro Java: such a branch stays.
            String bare = branch.isTextual() ? branch.textValue() : branch.get("type").textValue();
            boolean stays = timestamps && (bare.equals("int") || bare.equals("long"));
            if (!stays && leaves && writer.size() > 1 && chance(0.1)) continue;
            JsonNode evolved = stays ? branch : evolve(branch, space);
            String kind = evolved.isTextual() ? evolved.textValue() : evolved.get("type").textValue();
            if (kindOf(kind) != null && taken.contains(kind)) evolved = branch;
            kind = evolved.isTextual() ? evolved.textValue() : evolved.get("type").textValue();
            if (kindOf(kind) != null && taken.contains(kind)) continue;
            taken.add(kind);
            branches.add(evolved);
        }
        if (leaves && chance(0.2)) Collections.shuffle(branches, random);
        if (chance(0.2) && !taken.contains("boolean")) branches.add(JSON.textNode("boolean"));
        if (branches.size() == 1 && chance(0.2)) return branches.get(0);
        return JSON.arrayNode().addAll(branches);
    }

    // ---- texts

    // The same schema, with members in any order and space and comments anywhere.
    String spell(JsonNode node) {
        StringBuilder text = new StringBuilder();
        spell(node, text, chance(0.5));
        // Behind the end Avro Java takes no comment.
        return text.toString().replaceAll("( |/\\* c \\*/)+$", "");
    }

    private void spell(JsonNode node, StringBuilder text, boolean tidy) {
        String gap = tidy ? "" : pick(new String[] {"", "", " ", "  ", "/* c */"});
        text.append(gap);
        if (node.isObject()) {
            List<String> members = new ArrayList<>();
            node.fieldNames().forEachRemaining(members::add);
            if (!tidy) Collections.shuffle(members, random);
            text.append('{');
            String comma = "";
            for (String member : members) {
                text.append(comma).append(JSON.textNode(member)).append(gap).append(':');
                spell(node.get(member), text, tidy);
                comma = ",";
            }
            text.append('}');
        } else if (node.isArray()) {
            text.append('[');
            String comma = "";
            for (JsonNode item : node) {
                text.append(comma);
                spell(item, text, tidy);
                comma = ",";
            }
            text.append(']');
        } else {
            text.append(node);
        }
        text.append(gap);
    }

    // One or two things changed that may make it wrong.
    JsonNode spoil(JsonNode schema) {
        JsonNode copy = schema.deepCopy();
        for (int i = 1 + random.nextInt(2); i > 0; i--) {
            List<JsonNode> containers = new ArrayList<>();
            collect(copy, containers);
            JsonNode at = containers.get(random.nextInt(containers.size()));
            if (at.isEmpty()) continue;
            if (at.isObject()) spoilObject((ObjectNode) at);
            else spoilArray((ArrayNode) at);
        }
        return copy;
    }

    private static void collect(JsonNode node, List<JsonNode> out) {
        if (node.isContainerNode()) out.add(node);
        node.elements().forEachRemaining(child -> collect(child, out));
    }

    private JsonNode junk() {
        return pick(new JsonNode[] {JSON.nullNode(), JSON.numberNode(7), JSON.numberNode(1.5), JSON.textNode("x"), JSON.textNode("int"),
            JSON.textNode(""), JSON.textNode("a-b"), JSON.arrayNode(), JSON.objectNode(), JSON.booleanNode(true), JSON.textNode("null"),
            JSON.arrayNode().add("int"), JSON.textNode("N0"), JSON.textNode("record")});
    }

    private void spoilObject(ObjectNode object) {
        List<String> members = new ArrayList<>();
        object.fieldNames().forEachRemaining(members::add);
        String member = members.get(random.nextInt(members.size()));
        switch (random.nextInt(3)) {
        case 0: object.remove(member); break;
        case 1: object.set(member, junk()); break;
        default:
            object.set(pick(new String[] {"default", "aliases", "order", "doc", "namespace", "logicalType", "size", "symbols"}), junk());
            break;
        }
    }

    private void spoilArray(ArrayNode array) {
        int at = random.nextInt(array.size());
        switch (random.nextInt(3)) {
        case 0: array.remove(at); break;
        case 1: array.set(at, junk()); break;
        default: array.add(array.get(at).deepCopy()); break;
        }
    }
}
