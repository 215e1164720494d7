// SPDX-License-Identifier: Apache-2.0
// Random data of a schema, and the comparison of what Avro Java reads with the cells of a row.

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.util.Utf8;

final class Values {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final String[] TEXTS = {"", "a", "AAPL", "eight by", "nine byte", "\u00e9", "\u20ac \ud83d\ude00", "quote\"back\\slash/",
        "line\nfeed\ttab\u0001\u007f", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "12.50", "true"};

    private final Random random;
    private int budget;

    Values(Random random) {
        this.random = random;
    }

    Object datum(Schema schema) {
        budget = 200;
        return make(schema, 0);
    }

    private long number(int bits) {
        long value = random.nextLong() >> (64 - bits) >> random.nextInt(bits);
        return random.nextInt(20) == 0 ? (random.nextBoolean() ? (1L << (bits - 1)) - 1 : -(1L << (bits - 1))) : value;
    }

    private double real() {
        switch (random.nextInt(8)) {
        case 0: return 0.0;
        case 1: return -0.0;
        case 2: return random.nextInt(1000);
        case 3: return random.nextInt(1000000) / 100.0;
        case 4: return -random.nextDouble();
        case 5: return Double.longBitsToDouble(random.nextLong());
        case 6: return random.nextGaussian() * 1e10;
        default: return random.nextInt(40) == 0 ? Double.NaN : random.nextFloat();
        }
    }

    private byte[] bytes(Schema schema, int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal) {
            int precision = ((LogicalTypes.Decimal) schema.getLogicalType()).getPrecision();
            BigInteger limit = BigInteger.TEN.pow(Math.min(precision, 1 + random.nextInt(precision)));
            BigInteger unscaled = new BigInteger(limit.bitLength(), random).mod(limit);
            byte[] exact = (random.nextBoolean() ? unscaled : unscaled.negate()).toByteArray();
            if (schema.getType() == Schema.Type.BYTES) return exact;
            Arrays.fill(bytes, (byte) (exact[0] < 0 ? -1 : 0));
            System.arraycopy(exact, 0, bytes, size - exact.length, exact.length);
        } else if (random.nextBoolean()) {
            for (int i = 0; i < size; i++) bytes[i] = (byte) (32 + random.nextInt(95));
        }
        return bytes;
    }

    private Object make(Schema schema, int depth) {
        budget--;
        switch (schema.getType()) {
        case NULL: return null;
        case BOOLEAN: return random.nextBoolean();
        case INT: return (int) number(32);
        case LONG: return number(schema.getLogicalType() != null ? 52 : 64); // in microseconds, too, a timestamp must fit
        case FLOAT: return random.nextInt(3) == 0 ? Float.intBitsToFloat(random.nextInt()) : (float) real();
        case DOUBLE: return real();
        case STRING: return new Utf8(TEXTS[random.nextInt(TEXTS.length)]);
        case BYTES: return ByteBuffer.wrap(bytes(schema, random.nextInt(12)));
        case FIXED: return new GenericData.Fixed(schema, bytes(schema, schema.getFixedSize()));
        case ENUM: return new GenericData.EnumSymbol(schema, schema.getEnumSymbols().get(random.nextInt(schema.getEnumSymbols().size())));
        case ARRAY: {
            List<Object> list = new ArrayList<>();
            for (int i = count(depth); i > 0; i--) list.add(make(schema.getElementType(), depth + 1));
            return list;
        }
        case MAP: {
            Map<Utf8, Object> map = new LinkedHashMap<>();
            for (int i = count(depth); i > 0; i--)
                map.put(new Utf8(TEXTS[random.nextInt(TEXTS.length)]), make(schema.getValueType(), depth + 1));
            return map;
        }
        case UNION: return makeBranch(schema, depth);
        default: {
            GenericData.Record record = new GenericData.Record(schema);
            for (Schema.Field field : schema.getFields()) record.put(field.pos(), make(field.schema(), depth + 1));
            return record;
        }
        }
    }

    private int count(int depth) {
        return depth > 12 || budget < 0 ? 0 : random.nextInt(4);
    }

    private Object makeBranch(Schema schema, int depth) {
        List<Schema> branches = schema.getTypes();
        if (depth > 12 || budget < 0)
            for (Schema branch : branches) if (branch.getType() == Schema.Type.NULL) return null;
        return make(branches.get(random.nextInt(branches.size())), depth + 1);
    }

    // ---- comparison

    // The row must not be: what it would hold is refused by our rules (NaN, infinities, text that is malformed or has NUL in it).
    static boolean isRefused(Object datum) {
        if (datum instanceof Float) return !Float.isFinite((Float) datum);
        if (datum instanceof Double) return !Double.isFinite((Double) datum);
        if (datum instanceof CharSequence) return datum.toString().indexOf('\ufffd') >= 0 || datum.toString().indexOf('\0') >= 0;
        if (datum instanceof List) {
            for (Object item : (List<?>) datum) if (isRefused(item)) return true;
        } else if (datum instanceof Map) {
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) datum).entrySet())
                if (isRefused(entry.getKey()) || isRefused(entry.getValue())) return true;
        } else if (datum instanceof IndexedRecord) {
            IndexedRecord record = (IndexedRecord) datum;
            for (Schema.Field field : record.getSchema().getFields()) if (isRefused(record.get(field.pos()))) return true;
        }
        return false;
    }

    private static String logical(Schema schema) {
        LogicalType type = schema.getLogicalType();
        return type == null ? "" : type.getName();
    }

    // The decimal of fewest digits that reads back as the float, the nearest of several.
    static double shortest(float value) {
        if (value == 0) return value;
        BigDecimal exact = new BigDecimal(value), best = null;
        for (int digits = 1; digits <= 9 && best == null; digits++) {
            BigDecimal near = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            for (int step : new int[] {0, -1, 1}) {
                BigDecimal candidate = near.add(near.ulp().multiply(BigDecimal.valueOf(step)));
                if (candidate.stripTrailingZeros().precision() > digits || candidate.floatValue() != value) continue;
                if (best == null || candidate.subtract(exact).abs().compareTo(best.subtract(exact).abs()) < 0) best = candidate;
            }
        }
        return best.doubleValue();
    }

    private static byte[] array(Object datum) {
        if (datum instanceof GenericFixed) return ((GenericFixed) datum).bytes();
        ByteBuffer buffer = ((ByteBuffer) datum).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    // A single value as we have it: Long, Double, String, byte[] or Boolean.
    private static Object single(Schema schema, Object datum) {
        String logical = logical(schema);
        if (datum instanceof Integer) return ((Integer) datum).longValue();
        if (datum instanceof Long) {
            long value = (Long) datum;
            if (logical.endsWith("timestamp-millis")) return value * 1000;
            return logical.endsWith("timestamp-nanos") ? Math.floorDiv(value, 1000L) : value;
        }
        if (datum instanceof Float) return shortest((Float) datum);
        if (datum instanceof ByteBuffer || datum instanceof GenericFixed) {
            byte[] bytes = array(datum);
            if (logical.equals("decimal")) {
                int scale = ((LogicalTypes.Decimal) schema.getLogicalType()).getScale();
                return new BigDecimal(new BigInteger(bytes), scale).toPlainString();
            }
            if (logical.equals("uuid")) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                return new UUID(buffer.getLong(), buffer.getLong()).toString();
            }
            return bytes;
        }
        return datum instanceof Double || datum instanceof Boolean ? datum : datum.toString();
    }

    private static Schema branch(Schema schema, Object datum) {
        return schema.isUnion() ? schema.getTypes().get(GenericData.get().resolveUnion(schema, datum)) : schema;
    }

    private static boolean isNested(Schema schema) {
        if (schema.isUnion()) {
            List<Schema> types = schema.getTypes();
            if (types.size() == 1) return isNested(types.get(0));
            if (types.size() == 2 && schema.isNullable()) return isNested(types.get(types.get(0).getType() == Schema.Type.NULL ? 1 : 0));
            return true;
        }
        return schema.getType() == Schema.Type.RECORD || schema.getType() == Schema.Type.ARRAY || schema.getType() == Schema.Type.MAP;
    }

    // A cell of our row against what Avro Java read. NULL when they agree, else what was expected.
    static String compare(Schema schema, Object datum, String cell) throws JsonProcessingException {
        String content = cell.substring(1);
        char kind = cell.charAt(0);
        if (datum == null) return kind == 'n' ? null : "null";
        if (isNested(schema)) {
            if (kind != 't') return "JSON";
            return sameJson(schema, datum, MAPPER.readTree(MAPPER.readTree(content).textValue())) ? null : datum.toString();
        }
        Object value = single(branch(schema, datum), datum);
        boolean same;
        if (value instanceof Boolean) same = kind == 'i' && content.equals((Boolean) value ? "1" : "0");
        else if (value instanceof Long) same = kind == 'i' && content.equals(value.toString());
        else if (value instanceof Double) same = kind == 'd' && sameNumber(fromBits(content), (Double) value);
        else if (value instanceof byte[]) same = kind == 'b' && content.equals(hex((byte[]) value));
        else same = kind == 't' && MAPPER.readTree(content).textValue().equals(value);
        return same ? null : String.valueOf(value instanceof byte[] ? hex((byte[]) value) : value);
    }

    private static double fromBits(String hex) {
        return Double.longBitsToDouble(Long.parseUnsignedLong(hex, 16));
    }

    private static boolean sameJson(Schema given, Object datum, JsonNode json) {
        if (datum == null) return json.isNull();
        Schema schema = branch(given, datum);
        if (datum instanceof List) {
            List<?> list = (List<?>) datum;
            if (!json.isArray() || json.size() != list.size()) return false;
            for (int i = 0; i < list.size(); i++) if (!sameJson(schema.getElementType(), list.get(i), json.get(i))) return false;
            return true;
        }
        if (datum instanceof Map) {
            Map<?, ?> map = (Map<?, ?>) datum;
            if (!json.isObject() || json.size() != map.size()) return false;
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                JsonNode member = json.get(entry.getKey().toString());
                if (member == null || !sameJson(schema.getValueType(), entry.getValue(), member)) return false;
            }
            return true;
        }
        if (datum instanceof IndexedRecord) {
            List<String> names = new ArrayList<>();
            json.fieldNames().forEachRemaining(names::add);
            List<Schema.Field> fields = schema.getFields();
            if (!json.isObject() || names.size() != fields.size()) return false;
            for (int i = 0; i < fields.size(); i++) {
                Schema.Field field = fields.get(i);
                if (!names.get(i).equals(field.name()) || !sameJson(field.schema(), ((IndexedRecord) datum).get(i), json.get(field.name())))
                    return false;
            }
            return true;
        }
        Object value = single(schema, datum);
        if (value instanceof Boolean) return json.isBoolean() && json.booleanValue() == (Boolean) value;
        if (value instanceof Long) return json.isIntegralNumber() && json.canConvertToLong() && json.longValue() == (Long) value;
        if (value instanceof Double) return json.isNumber() && sameNumber(json.doubleValue(), (Double) value);
        if (value instanceof byte[]) return json.isTextual() && Arrays.equals(latin(json.textValue()), (byte[]) value);
        return json.isTextual() && json.textValue().equals(value);
    }

    // A float that was read into a double is the double of the same shortest decimal to us.
    private static boolean sameNumber(double ours, double value) {
        return ours == value || ((double) (float) value == value && ours == shortest((float) value));
    }

    private static byte[] latin(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) text.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        return text.toString();
    }

    static byte[] bytes(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        return bytes;
    }
}
