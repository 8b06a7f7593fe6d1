package jp.ad.sinet.stream.engine.boundary;

import java.util.LinkedHashMap;
import java.util.Map;

/** The parameters that the engine knows. */
public final class KnownParameters {
    private KnownParameters() {
    }

    /**
     * Asks the engine, whose table decides what a configuration may have.
     *
     * @return names, those inside another parameter as {@code name.inside}; with a note on those that have no effect or
     *     are not supported, else with an empty one
     */
    public static Map<String, String> all() {
        Native.ensureLoaded();
        Object tree = Tree.decode(Native.parameters());
        Map<String, String> all = new LinkedHashMap<>();
        ((Map<?, ?>) tree).forEach((name, note) -> all.put((String) name, (String) note));
        return all;
    }
}
