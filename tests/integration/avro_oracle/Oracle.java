// SPDX-License-Identifier: Apache-2.0
// Compares our Avro with Avro Java: java Oracle HELPER SEED SCHEMAS. Prints what differs and one line of sums; exit code 1 on a difference.

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

public final class Oracle {
    private static final int DATA_PER_PAIR = 6;
    private static final int SPOILED_PER_SCHEMA = 4;

    // Where we refuse a schema that Avro Java takes, on purpose: how strictly it was read, our reason, and why it stays.
    private static final String[][] EXPLAINED = {
        {"strict", "is declared before this place", "the specification wants names declared first; Avro Java 1.12 looks ahead"},
        {"lenient", "is declared before this place", "the specification wants names declared first; Avro Java 1.12 looks ahead"},
        {"lenient", "is not a valid name", "without validation Avro Java takes names that are empty"},
        {"lenient", "not a valid alias", "without validation Avro Java takes names that are empty"},
        {"lenient", "not a valid symbol", "without validation Avro Java takes symbols that are empty or no text"},
    };

    private final BufferedReader in;
    private final Writer out;
    private final Random random;
    private final Map<String, Integer> sums = new TreeMap<>();
    private int failures;

    private Oracle(Process helper, long seed) {
        in = new BufferedReader(new InputStreamReader(helper.getInputStream(), StandardCharsets.UTF_8));
        out = new OutputStreamWriter(helper.getOutputStream(), StandardCharsets.UTF_8);
        random = new Random(seed);
    }

    private String[] ask(String... request) throws IOException {
        out.write(String.join("\t", request) + "\n");
        out.flush();
        String reply = in.readLine();
        if (reply == null) throw new IOException("the helper ended on: " + String.join("\t", request));
        return reply.split("\t", -1);
    }

    private void count(String what) {
        sums.merge(what, 1, Integer::sum);
    }

    private void fail(String what, String... details) {
        count("DIFFERENT " + what);
        if (++failures > 10) return;
        System.out.println("DIFFERENT " + what);
        for (String detail : details) System.out.println("    " + detail);
    }

    private static Schema parse(String text, boolean strict) {
        NameValidator names = strict ? NameValidator.STRICT_VALIDATOR : NameValidator.NO_VALIDATION;
        return new Schema.Parser(names).setValidateDefaults(strict).parse(text);
    }

    // Texts: printed form, canonical form, fingerprint; or that both refuse it.
    private Schema compareSchema(String text, boolean strict) throws IOException {
        Schema schema = null;
        String why = null;
        try {
            schema = parse(text, strict);
        } catch (RuntimeException | StackOverflowError e) {
            why = e.toString();
        }
        String[] ours = ask("parse", strict ? "strict" : "lenient", text);
        if (schema == null && ours[0].equals("error")) {
            count("schemas refused by both");
        } else if (schema == null) {
            compareRefusal(text, why, ours);
        } else if (ours[0].equals("error")) {
            for (String[] explained : EXPLAINED) {
                if (strict != explained[0].equals("strict") || !ours[1].contains(explained[1])) continue;
                count("explained: " + explained[2]);
                return null;
            }
            fail("schema refused by us only", text, ours[1]);
        } else {
            count("schemas printed");
            String canonical = SchemaNormalization.toParsingForm(schema);
            if (!schema.toString().equals(ours[1])) fail("printed text", text, schema.toString(), ours[1]);
            if (!canonical.equals(ours[2])) fail("canonical form", text, canonical, ours[2]);
            if (!Long.toString(SchemaNormalization.parsingFingerprint64(schema)).equals(ours[3])) fail("fingerprint", text, ours[3]);
            return schema;
        }
        return null;
    }

    // Avro Java alone refuses a schema.
    private void compareRefusal(String text, String why, String[] ours) {
        // A record without namespace, mentioned inside another namespace while it is being declared: 1.11 finds it, 1.12 does not.
        if (why.contains("Undefined schema")) count("explained: mention of an open record without namespace");
        else fail("schema refused by Avro Java only", text, why, ours[1]);
    }

    private byte[] write(Schema schema, Object datum) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        boolean blocks = random.nextInt(3) == 0;
        // Blocks of arrays and maps with a negative count and their size.
        BinaryEncoder encoder = blocks ? new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(bytes, null)
                                       : EncoderFactory.get().binaryEncoder(bytes, null);
        new GenericDatumWriter<>(schema).write(datum, encoder);
        encoder.flush();
        return bytes.toByteArray();
    }

    private static GenericRecord read(GenericDatumReader<GenericRecord> reader, byte[] bytes) throws IOException {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
        GenericRecord record = reader.read(null, decoder);
        if (!decoder.isEnd()) throw new IOException("bytes are left over");
        return record;
    }

    private boolean compareRow(String what, GenericRecord expected, String[] cells, String... details) throws IOException {
        List<Schema.Field> fields = expected.getSchema().getFields();
        for (Schema.Field field : fields) {
            String wanted = Values.compare(field.schema(), expected.get(field.pos()), cells[1 + field.pos()]);
            if (wanted == null) continue;
            String[] all = new String[details.length + 1];
            System.arraycopy(details, 0, all, 0, details.length);
            all[details.length] = "field " + field.name() + ": " + cells[1 + field.pos()] + " instead of " + wanted;
            fail(what, all);
            return false;
        }
        return true;
    }

    private void compareDatum(Schema writer, Schema reader, GenericDatumReader<GenericRecord> javaReader, Object datum) throws IOException {
        byte[] bytes = write(writer, datum);
        GenericRecord expected;
        String[] details = {"writer " + writer, "reader " + reader, "datum  " + datum, "bytes  " + Values.hex(bytes)};
        try {
            expected = read(javaReader, bytes);
        } catch (RuntimeException | IOException e) {
            // What Avro cannot resolve, we may convert by name.
            count(ask("decode", Values.hex(bytes))[0].equals("row") ? "data converted beyond Avro" : "data refused by both");
            return;
        }
        String[] row = ask("decode", Values.hex(bytes));
        if (Values.isRefused(expected)) {
            count("data with NaN, infinity, NUL or malformed text");
            if (row[0].equals("row")) fail("row that should be refused", details);
            return;
        }
        if (!row[0].equals("row")) {
            fail("datum refused by us only", details[0], details[1], details[2], details[3], row[1]);
            return;
        }
        count("data decoded");
        if (!compareRow("row", expected, row, details)) return;
        String[] encoded = ask("encode");
        if (!encoded[0].equals("bytes")) {
            fail("row that we cannot encode", details[0], details[1], details[2], encoded[1]);
            return;
        }
        GenericRecord back = read(new GenericDatumReader<>(reader), Values.bytes(encoded[1]));
        count("data encoded");
        compareRow("row encoded by us", back, row, details[0], details[1], details[2], "bytes  " + encoded[1]);
    }

    private void comparePair(Schema writer, Schema reader) throws IOException {
        String[] plan = ask("plan", writer.toString(), reader.toString());
        GenericDatumReader<GenericRecord> javaReader = new GenericDatumReader<>(writer, reader);
        Values values = new Values(random);
        for (int i = 0; i < DATA_PER_PAIR; i++) {
            Object datum = values.datum(writer);
            if (plan[0].equals("ok")) {
                compareDatum(writer, reader, javaReader, datum);
                continue;
            }
            try {
                read(javaReader, write(writer, datum));
            } catch (RuntimeException | IOException e) {
                count("data refused by both: " + (plan[1].contains("no default") ? "no default" : "no resolution"));
                continue;
            }
            fail("plan refused by us only", "writer " + writer, "reader " + reader, "datum  " + datum, plan[1]);
            return;
        }
        count("pairs of schemas");
    }

    private void run(int schemas) throws IOException {
        for (int i = 0; i < schemas; i++) {
            Schemas maker = new Schemas(random);
            ObjectNode tree = maker.record();
            String text = maker.spell(tree);
            Schema writer = compareSchema(text, true);
            compareSchema(text, false);
            for (int j = 0; j < SPOILED_PER_SCHEMA; j++) compareSchema(maker.spell(maker.spoil(tree)), j % 2 == 0);
            if (writer == null) {
                count("schemas that neither takes");
                continue;
            }
            Schema reader = random.nextInt(5) == 0 ? writer : compareSchema(maker.spell(maker.evolve(tree)), true);
            if (reader != null) comparePair(writer, reader);
            else count("readers that neither takes");
        }
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Process helper = new ProcessBuilder(arguments[0]).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        long seed = Long.parseLong(arguments[1]);
        System.out.println("seed " + seed);
        Oracle oracle = new Oracle(helper, seed);
        oracle.run(Integer.parseInt(arguments[2]));
        oracle.out.close();
        int code = helper.waitFor();
        for (Map.Entry<String, Integer> sum : oracle.sums.entrySet()) System.out.println(sum.getValue() + " " + sum.getKey());
        if (code != 0) System.out.println("the helper ended with " + code);
        System.exit(oracle.failures > 0 || code != 0 ? 1 : 0);
    }
}
