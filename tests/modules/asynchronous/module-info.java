module asynchronous {
    requires jp.ad.sinet.stream;
    requires org.jdeferred2.core;
}
