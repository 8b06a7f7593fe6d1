package program.hidden;

import program.Main;

/** A deserializer whose package is not exported. */
public final class HiddenDeserializer extends Main.Upper {
}
