module program {
    requires jp.ad.sinet.stream;

    exports program to jp.ad.sinet.stream; // The configuration names a deserializer in it.
}
