module program {
    requires jp.ad.sinet.stream;

    exports program to jp.ad.sinet.stream; // for the deserializer that the configuration names
}
