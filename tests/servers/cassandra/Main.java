import java.io.IOException;
import java.io.OutputStream;
import org.apache.cassandra.service.CassandraDaemon;

/**
 * Apache Cassandra for the tests. With ASSAY_SERVER_GUARD set it ends, at once, when its standard input does, so that it cannot
 * outlive whoever started it.
 */
public class Main {
    public static void main(String[] args) {
        if (System.getenv("ASSAY_SERVER_GUARD") != null) {
            Thread guard = new Thread(Main::watch, "guard");
            guard.setDaemon(true);
            guard.start();
        }
        CassandraDaemon.main(args);
    }

    private static void watch() {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException gone) {
            // Nobody is there any more: the same as the end.
        }
        Runtime.getRuntime().halt(0);
    }
}
