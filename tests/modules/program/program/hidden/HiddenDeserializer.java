package program.hidden;

import program.Main;

/** Its package is not exported. */
public final class HiddenDeserializer extends Main.Upper {
}
