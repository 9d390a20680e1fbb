/* test_request.c - request heads: what is accepted, what is refused, and why. */
#include "head_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
	const char *in;
	size_t n;
	int error;
	const char *text; /* when accepted */
};

#define REFUSE(error, in)                                                                          \
	{                                                                                          \
		in, sizeof(in) - 1, error, NULL                                                    \
	}
#define ACCEPT(text, in)                                                                           \
	{                                                                                          \
		in, sizeof(in) - 1, 0, text                                                        \
	}

#define H        "Host: h\r\n"
#define GET(f)   "GET /t/ HTTP/1.1\r\n" H f "\r\n"
#define GET10(f) "GET /t/ HTTP/1.0\r\n" f "\r\n"
#define POST(f)  "POST /t/ HTTP/1.1\r\n" H f "\r\n"
#define LINE(l)  l "\r\n" H "\r\n"
#define HOST(v)  "GET / HTTP/1.1\r\nHost: " v "\r\n\r\n"
#define TE       "Transfer-Encoding: chunked\r\n"

static const struct row request_lines[] = {
	ACCEPT("GET / h none", LINE("GET / HTTP/1.1")),
	ACCEPT("GET /  none close", "GET / HTTP/1.0\r\n\r\n"),
	ACCEPT("X /  none close", "X / HTTP/1.0\r\n\r\n"),
	ACCEPT("GET / h none close", LINE("GET / HTTP/1.0")),
	ACCEPT("get / h none", LINE("get / HTTP/1.1")),
	ACCEPT("X!#$ / h none", LINE("X!#$ / HTTP/1.1")),
	ACCEPT("M-SEARCH / h none", LINE("M-SEARCH / HTTP/1.1")),
	ACCEPT("GET /a?b?c h none", LINE("GET /a?b?c HTTP/1.1")),
	ACCEPT("GET /? h none", LINE("GET /? HTTP/1.1")),
	ACCEPT("GET //a/./%zz|{2}[1]\"<> h none", LINE("GET //a/./%zz|{2}[1]\"<> HTTP/1.1")),
	ACCEPT("GET /\xc3\xa9 h none", LINE("GET /\xc3\xa9 HTTP/1.1")),
	ACCEPT("OPTIONS * h none", LINE("OPTIONS * HTTP/1.1")),
	ACCEPT("CONNECT  h:80 none", LINE("CONNECT h:80 HTTP/1.1")),
	ACCEPT("CONNECT  [::1]:80 none", LINE("CONNECT [::1]:80 HTTP/1.1")),
	ACCEPT("GET / h none", "\r\n" LINE("GET / HTTP/1.1")),
	ACCEPT("GET / h none", "\r\n\r\n\r\n\r\n" LINE("GET / HTTP/1.1")),
	ACCEPT("GET / h none", LINE("GET / HTTP/1.1") "GET /next HTTP/1.1\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "\r\n\r\n\r\n\r\n\r\n" LINE("GET / HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, "\n" LINE("GET / HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, "\r" LINE("GET / HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET  /t/  HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/  HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET\t/t/\tHTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/1.1 ")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE(" GET /t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE(" /t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET  HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ http/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/1.10")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/1.1x")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/1,1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/11")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ HTTP/x.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/ ICAP/1.0")),
	REFUSE(H1_BAD_VERSION, LINE("GET /t/ HTTP/2.0")),
	REFUSE(H1_BAD_VERSION, LINE("GET /t/ HTTP/1.2")),
	REFUSE(H1_BAD_VERSION, LINE("GET /t/ HTTP/0.9")),
	REFUSE(H1_BAD_VERSION, LINE("GET /t/ HTTP/3.1")),
	REFUSE(H1_BAD_VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0\0\0\0\0"),
	REFUSE(H1_BAD_REQUEST_LINE, "GET /t/\r\n\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "GET /\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "GET /t/ HTTP/1.1\n" H "\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "GET /t/ HTTP/1.1\r" H "\r\n\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "GET /t/ HTTP/1.1\nHost: h\nX-A: b\n\n"),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GE(T /t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GE\x80T /t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET\0 /t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/a\0b HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/a b HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/a\x01"
					 "b HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/a\x7f HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/a\tb HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/\nX HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/\r\nX HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET /t/#frag HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET t/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET h HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET ?a HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET * HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("OPTIONS ** HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("OPTIONS *? HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET h:80 HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("CONNECT / HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("CONNECT h HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("CONNECT h: HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("CONNECT http://h:80/ HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, "\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03"
				    "11111111\r\n\r\n"),
	REFUSE(H1_BAD_REQUEST_LINE, "\0\x01\x02\x03\r\n\r\n"),
};

static const struct row absolute_forms[] = {
	ACCEPT("GET /x h none", LINE("GET http://h/x HTTP/1.1")),
	ACCEPT("GET /x t:8080 none", LINE("GET http://t:8080/x HTTP/1.1")),
	ACCEPT("GET /x?q t none", LINE("GET HTTPS://t/x?q HTTP/1.1")),
	ACCEPT("GET / t none", LINE("GET http://t HTTP/1.1")),
	ACCEPT("GET /?q t none", LINE("GET http://t/?q HTTP/1.1")),
	ACCEPT("GET //x t none", LINE("GET http://t//x HTTP/1.1")),
	ACCEPT("OPTIONS * t none", LINE("OPTIONS http://t HTTP/1.1")),
	ACCEPT("OPTIONS / t none", LINE("OPTIONS http://t/ HTTP/1.1")),
	ACCEPT("GET /x t none close", "GET http://t/x HTTP/1.0\r\n\r\n"),
	ACCEPT("GET /x [::1]:80 none", LINE("GET http://[::1]:80/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http://t?q HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http:///x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http:// HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http:/h/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http:h/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET ftp://h/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET //h/x://y HTTP/1.2x")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http://u@h/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http://u:p@h/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http://h:99999/x HTTP/1.1")),
	REFUSE(H1_BAD_REQUEST_LINE, LINE("GET http://h\\evil/x HTTP/1.1")),
	REFUSE(H1_BAD_HOST, "GET http://t/x HTTP/1.1\r\n\r\n"),
	REFUSE(H1_BAD_HOST, "GET http://t/x HTTP/1.1\r\nHost: a b\r\n\r\n"),
	REFUSE(H1_BAD_HOST, "GET http://t/x HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n"),
};

static const struct row hosts[] = {
	ACCEPT("GET / a.b-c_d~e none", HOST("a.b-c_d~e")),
	ACCEPT("GET / A.Example none", HOST("A.Example")),
	ACCEPT("GET / h:0 none", HOST("h:0")),
	ACCEPT("GET / h:65535 none", HOST("h:65535")),
	ACCEPT("GET / h:00080 none", HOST("h:00080")),
	ACCEPT("GET / h: none", HOST("h:")),
	ACCEPT("GET / h none", HOST(" \t h \t ")),
	ACCEPT("GET / 198.18.0.1:80 none", HOST("198.18.0.1:80")),
	ACCEPT("GET / [2001:2::1] none", HOST("[2001:2::1]")),
	ACCEPT("GET / [2001:2::1]:80 none", HOST("[2001:2::1]:80")),
	ACCEPT("GET / [::ffff:198.18.0.1] none", HOST("[::ffff:198.18.0.1]")),
	ACCEPT("GET / a%20b none", HOST("a%20b")),
	ACCEPT("GET /  none close", "GET / HTTP/1.0\r\nX: y\r\n\r\n"),
	REFUSE(H1_BAD_HOST, "GET / HTTP/1.1\r\n\r\n"),
	REFUSE(H1_BAD_HOST, "GET / HTTP/1.1\r\nXHost: h\r\n\r\n"),
	REFUSE(H1_BAD_HOST, GET("Host: evil.example\r\n")),
	REFUSE(H1_BAD_HOST, GET("Host: h\r\n")),
	REFUSE(H1_BAD_HOST, GET("hOST: h\r\n")),
	REFUSE(H1_BAD_HOST, GET10("Host: a\r\nHost: b\r\n")),
	REFUSE(H1_BAD_HOST, GET10("Host: a b\r\n")),
	REFUSE(H1_BAD_HOST, GET10("Host:\r\n")),
	REFUSE(H1_BAD_HOST, HOST("")),
	REFUSE(H1_BAD_HOST, HOST(" ")),
	REFUSE(H1_BAD_HOST, HOST(":80")),
	REFUSE(H1_BAD_HOST, HOST("a b")),
	REFUSE(H1_BAD_HOST, HOST("a\tb")),
	REFUSE(H1_BAD_HOST, HOST("a/b")),
	REFUSE(H1_BAD_HOST, HOST("a\\b")),
	REFUSE(H1_BAD_HOST, HOST("a?b")),
	REFUSE(H1_BAD_HOST, HOST("a#b")),
	REFUSE(H1_BAD_HOST, HOST("u@h")),
	REFUSE(H1_BAD_HOST, HOST("h,evil")),
	REFUSE(H1_BAD_HOST, HOST("h, h")),
	REFUSE(H1_BAD_HOST, HOST("\"h\"")),
	REFUSE(H1_BAD_HOST, HOST("h\xc3\xa9")),
	REFUSE(H1_BAD_HOST, HOST("h%2")),
	REFUSE(H1_BAD_HOST, HOST("h%")),
	REFUSE(H1_BAD_HOST, HOST("h%zz")),
	REFUSE(H1_BAD_HOST, HOST("h:65536")),
	REFUSE(H1_BAD_HOST, HOST("h:99999x")),
	REFUSE(H1_BAD_HOST, HOST("h:4294967376")),
	REFUSE(H1_BAD_HOST, HOST("h:-1")),
	REFUSE(H1_BAD_HOST, HOST("h:80:80")),
	REFUSE(H1_BAD_HOST, HOST("2001:2::1")),
	REFUSE(H1_BAD_HOST, HOST("[2001:2::1")),
	REFUSE(H1_BAD_HOST, HOST("[]")),
	REFUSE(H1_BAD_HOST, HOST("[")),
	REFUSE(H1_BAD_HOST, HOST("[h]")),
	REFUSE(H1_BAD_HOST, HOST("[::1]x")),
	REFUSE(H1_BAD_HOST, HOST("[::1%25eth0]")),
	REFUSE(H1_BAD_HOST, HOST("[v1.a:b]")),
	REFUSE(H1_BAD_HOST, HOST("[1:2:3:4:5:6:7:8:9]")),
	/* As long as inet_pton()'s largest text with its NUL. */
	REFUSE(H1_BAD_HOST, HOST("[0000:0000:0000:0000:0000:0000:255.255.255.2555]")),
	REFUSE(H1_BAD_HOST, HOST("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]")),
};

static const struct row fields[] = {
	ACCEPT("GET /t/ h none", GET("X-Multi: one\r\nX-Multi: two\r\n")),
	ACCEPT("GET /t/ h none", GET("X-Empty:\r\n")),
	ACCEPT("GET /t/ h none", GET("X-Ows: \t padded \t \r\n")),
	ACCEPT("GET /t/ h none", GET("X-Tab: a\tb\r\n")),
	ACCEPT("GET /t/ h none", GET("X-Obs: caf\xe9\xff\x80\r\n")),
	ACCEPT("GET /t/ h none", GET("X-Punct: ()<>@,;:\\\"/[]?={}\r\n")),
	ACCEPT("GET /t/ h none", GET("!#$%&'*+-.^_`|~09azAZ: x\r\n")),
	ACCEPT("GET /t/ h none", GET("X-Colon:: x\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A : b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A\t: b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: b\r\n c\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: b\r\n\tc\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A:\r\n c\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: b\r\n \r\n")),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\n X-A: b\r\n" H "\r\n"),
	REFUSE(H1_BAD_FIELD, GET("garbage\r\n")),
	REFUSE(H1_BAD_FIELD, GET(": v\r\n")),
	REFUSE(H1_BAD_FIELD, GET(":\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X(A): v\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X\"A: v\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X/A: v\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-\xe9: v\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X A: v\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-\0A: b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\0b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\rb\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\r\rb\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: ab\r\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\nb: c\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\x01"
				 "b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\x7f\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\x0b"
				 "b\r\n")),
	REFUSE(H1_BAD_FIELD, GET("X-A: a\x1f"
				 "b\r\n")),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\n" H "\n"),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\nHost: h\n\r\n"),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\n" H "\rX\r\n"),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\n" H "\r\r\n"),
	REFUSE(H1_BAD_FIELD, "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n"),
};

#define CLTE(te) POST("Content-Length: 60\r\n" te)

static const struct row transfer_encodings[] = {
	ACCEPT("POST /t/ h chunked", POST(TE)),
	ACCEPT("POST /t/ h chunked", POST("TRANSFER-ENCODING:CHUNKED \t\r\n")),
	ACCEPT("POST /t/ h chunked", POST("Transfer-Encoding:\tchunked\r\n")),
	ACCEPT("GET /t/ h chunked", GET(TE)),
	ACCEPT("POST /t/ h chunked", POST(TE "Connection: Transfer-Encoding, keep-alive\r\n")),
	REFUSE(H1_BAD_FRAMING, CLTE(TE)),
	REFUSE(H1_BAD_FRAMING, POST(TE "Content-Length: 60\r\n")),
	REFUSE(H1_BAD_FRAMING, POST(TE "Content-Length: 0\r\n")),
	REFUSE(H1_BAD_FRAMING, CLTE("Transfer-Encoding: xchunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: xchunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: gzip\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: cow\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: identity\r\n")),
	REFUSE(H1_UNKNOWN_CODING, POST("Transfer-Encoding: gzip, chunked\r\n")),
	REFUSE(H1_UNKNOWN_CODING, POST("Transfer-Encoding: identity, chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: chunked, identity\r\n")),
	REFUSE(H1_BAD_FRAMING, POST(TE "Transfer-Encoding: cow\r\n")),
	REFUSE(H1_UNKNOWN_CODING, POST("Transfer-Encoding: cow\r\n" TE)),
	REFUSE(H1_BAD_FRAMING, POST(TE TE)),
	REFUSE(H1_BAD_FRAMING, POST(TE "X: y\r\nTransfer-Encoding: \r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: chunked, chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: ,chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: chunked,\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: \"chunked\"\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: chunked;q=1\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: chunked x\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: \xa0"
				    "chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding:: chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding:\r\n")),
	REFUSE(H1_BAD_FRAMING, POST("Transfer-Encoding: \r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding : chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding\t: chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding: \x0b"
				  "chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding: chunked\x0c\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding: chunked\0\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding:\r\n chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\r\n Transfer-Encoding: chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\nTransfer-Encoding: chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\rTransfer-Encoding: chunked\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Transfer-Encoding\0: chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, "POST / HTTP/1.0\r\n" H TE "\r\n"),
	REFUSE(H1_BAD_FRAMING, "POST / HTTP/1.0\r\n" H TE "Connection: keep-alive\r\n\r\n"),
	/* Another name is another field. */
	ACCEPT("POST /t/ h len=60", CLTE("Transfer_Encoding: chunked\r\n")),
	ACCEPT("POST /t/ h len=60", CLTE("Transfer-Encodin: chunked\r\n")),
	ACCEPT("POST /t/ h len=60", CLTE("XTransfer-Encoding: chunked\r\n")),
};

#define CL(v) POST("Content-Length: " v "\r\n")

static const struct row content_lengths[] = {
	ACCEPT("POST /t/ h none", POST("")),
	ACCEPT("POST /t/ h len=0", CL("0")),
	ACCEPT("POST /t/ h len=5", CL("5")),
	ACCEPT("POST /t/ h len=5", CL("0000000000000000000000000000005")),
	ACCEPT("POST /t/ h len=9223372036854775807", CL("9223372036854775807")),
	ACCEPT("POST /t/ h len=5", CL("5, 5")),
	ACCEPT("POST /t/ h len=5", CL("5,5 , 5")),
	ACCEPT("POST /t/ h len=5", CL("5\r\nContent-Length: 5")),
	ACCEPT("POST /t/ h len=5", CL("5\r\nX: y\r\ncontent-length: 5, 5")),
	ACCEPT("POST /t/ h len=5", CL("5\r\nConnection: Content-Length")),
	ACCEPT("GET /t/ h len=5", GET("Content-Length: 5\r\n")),
	ACCEPT("POST /t/ h none", POST("Content_Length: 5\r\n")),
	REFUSE(H1_BAD_FRAMING, CL("0\r\nContent-Length: 60")),
	REFUSE(H1_BAD_FRAMING, CL("60\r\nContent-Length: 0")),
	REFUSE(H1_BAD_FRAMING, CL("5\r\nContent-Length: ")),
	REFUSE(H1_BAD_FRAMING, CL("0, 60")),
	REFUSE(H1_BAD_FRAMING, CL("60, 0")),
	REFUSE(H1_BAD_FRAMING, CL("+60")),
	REFUSE(H1_BAD_FRAMING, CL("-60")),
	REFUSE(H1_BAD_FRAMING, CL("-0")),
	REFUSE(H1_BAD_FRAMING, CL("0 60")),
	REFUSE(H1_BAD_FRAMING, CL("0x5")),
	REFUSE(H1_BAD_FRAMING, CL("0a")),
	REFUSE(H1_BAD_FRAMING, CL("1_0")),
	REFUSE(H1_BAD_FRAMING, CL("0.0")),
	REFUSE(H1_BAD_FRAMING, CL("1e1")),
	REFUSE(H1_BAD_FRAMING, CL("")),
	REFUSE(H1_BAD_FRAMING, CL("0,")),
	REFUSE(H1_BAD_FRAMING, CL(",0")),
	REFUSE(H1_BAD_FRAMING, CL("5,,5")),
	REFUSE(H1_BAD_FRAMING, CL("\"0\"")),
	REFUSE(H1_BAD_FRAMING, CL("5;a=b")),
	REFUSE(H1_BAD_FRAMING, CL("\xb2")),
	REFUSE(H1_BAD_FRAMING, CL("9223372036854775808")),
	REFUSE(H1_BAD_FRAMING, CL("18446744073709551615")),
	REFUSE(H1_BAD_FRAMING, CL("18446744073709551616")),
	REFUSE(H1_BAD_FRAMING, CL("18446744073709551621")),
	REFUSE(H1_BAD_FRAMING, CL("99999999999999999999999999")),
	REFUSE(H1_BAD_FIELD, CL("\x0b"
				"0")),
	REFUSE(H1_BAD_FIELD, CL("0\0")),
	REFUSE(H1_BAD_FIELD, POST("Content-Length : 60\r\n")),
	REFUSE(H1_BAD_FIELD, POST("Content-Length:\r\n 60\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\nContent-Length: 60\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\rContent-Length: 0\r\nContent-Length: 60\r\n")),
	REFUSE(H1_BAD_FIELD, POST("X-A: b\r\n Content-Length: 0\r\nContent-Length: 60\r\n")),
};

#define WS "Connection: Upgrade\r\nUpgrade: websocket\r\n"

static const struct row connections[] = {
	ACCEPT("GET /t/ h none", GET("Connection: keep-alive\r\n")),
	ACCEPT("GET /t/ h none close", GET("Connection: close\r\n")),
	ACCEPT("GET /t/ h none close", GET("Connection: ClOsE\r\n")),
	ACCEPT("GET /t/ h none close", GET("Connection: x, close ,y\r\n")),
	ACCEPT("GET /t/ h none close", GET("Connection: keep-alive, close\r\n")),
	ACCEPT("GET /t/ h none close", GET("Connection: keep-alive\r\nConnection: close\r\n")),
	ACCEPT("GET /t/ h none", GET("Connection: closed\r\n")),
	ACCEPT("GET /t/ h none", GET("Connection:\r\n")),
	ACCEPT("GET /t/ h none", GET("Connection: ,,\r\n")),
	ACCEPT("GET /t/ h none", GET("Connection: \"close\"\r\n")),
	ACCEPT("GET /t/  none close", GET10("")),
	ACCEPT("GET /t/  none", GET10("Connection: Keep-Alive\r\n")),
	ACCEPT("GET /t/  none close", GET10("Connection: keep-alive, close\r\n")),
	ACCEPT("GET /t/ h none hop:X-Hop",
	       GET("Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nX-Stay: 1\r\n")),
	ACCEPT("GET /t/ h none hop:x-a hop:X-B hop:X-A",
	       GET("x-a: 1\r\nConnection: X-A\r\nX-B: 2\r\nConnection: ,x-b\r\nX-A: 3\r\n")),
	ACCEPT("GET /t/ h none", GET("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
				     "TE: gzip\r\nConnection: TE, Keep-Alive\r\n")),
	ACCEPT("POST /t/ h len=5 close",
	       CL("5\r\nConnection: close, Host, Content-Length, X-Forwarded-For\r\n"
		  "X-Forwarded-For: 1")),
	ACCEPT("GET /t/ h none",
	       GET("X-Request-Id: 1\r\nCookie: 1\r\nAuthorization: 1\r\nX-Envoy-Foo: 1\r\n"
		   "X-Forwarded-Proto: 1\r\nX-Forwarded-Client-Cert: 1\r\n"
		   "Connection: x-request-id, cookie, authorization, x-envoy-foo\r\n"
		   "Connection: x-forwarded-proto, x-forwarded-client-cert\r\n")),
	ACCEPT("GET /t/ h none upgrade ws", GET(WS)),
	ACCEPT("GET /t/ h none upgrade ws",
	       GET("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n")),
	ACCEPT("GET /t/ h none", GET("Upgrade: websocket\r\n")),
	ACCEPT("GET /t/ h none", GET("Connection: upgrade\r\n")),
	ACCEPT("GET /t/ h none upgrade", GET("Connection: Upgrade, HTTP2-Settings\r\n"
					     "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")),
	ACCEPT("GET /t/ h none upgrade", GET("Connection: upgrade\r\nUpgrade: websocket, h2c\r\n")),
	ACCEPT("GET /t/ h none upgrade", GET("Connection: upgrade\r\nUpgrade: websocket/13\r\n")),
	ACCEPT("GET /t/ h none upgrade", GET(WS "Upgrade: h2c\r\n")),
	ACCEPT("POST /t/ h none upgrade", POST(WS)),
	ACCEPT("GET /t/ h len=5 upgrade", GET(WS "Content-Length: 5\r\n")),
	ACCEPT("GET /t/  none close", GET10(WS)),
	ACCEPT("POST /t/ h len=5 continue", CL("5\r\nExpect: 100-continue")),
	ACCEPT("POST /t/ h chunked continue", POST(TE "Expect: 100-Continue\r\n")),
	ACCEPT("POST /t/ h len=0", CL("0\r\nExpect: 100-continue")),
	ACCEPT("GET /t/ h none", GET("Expect: 100-continue\r\n")),
	ACCEPT("POST /t/ h len=5", CL("5\r\nExpect: teapot")),
	ACCEPT("POST /t/  len=5 close", "POST /t/ HTTP/1.0\r\nContent-Length: 5\r\n"
					"Expect: 100-continue\r\n\r\n"),
	ACCEPT("GET /t/ h none trailers", GET("TE: trailers\r\n")),
	ACCEPT("GET /t/ h none trailers", GET("TE: gzip;q=0.5, Trailers\r\n")),
	ACCEPT("GET /t/ h none", GET("TE: gzip\r\n")),
};

static struct check new_check(size_t room)
{
	return (struct check){
		.kind = CHECK_REQUEST,
		.limits = {.max_head_bytes = 60 * 1024, .max_fields = 100},
		.guard = guard_create(room),
	};
}

static void run(const struct row *rows, size_t n)
{
	struct check c = new_check(4096);
	char text[CHECK_TEXT];

	for (size_t i = 0; i < n; i++) {
		int rc = check_everywhere(&c, rows[i].in, rows[i].n, text);

		if (rows[i].error ? rc == rows[i].error : rc > 0 && strcmp(text, rows[i].text) == 0)
			continue;
		fail_msg("row %zu: %d %s \"%s\" for: %s", i, rc, h1_error_name(rc), text,
			 rows[i].in);
	}
	guard_destroy(&c.guard);
}

#define TABLE(rows)                                                                                \
	static void test_##rows(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		run(rows, RTE_DIM(rows));                                                          \
	}

TABLE(request_lines)
TABLE(absolute_forms)
TABLE(hosts)
TABLE(fields)
TABLE(transfer_encodings)
TABLE(content_lengths)
TABLE(connections)

/* Every byte value in the method, target, name and value, against the bytewise definition. */
static void test_every_byte(void **state)
{
	static const char tchars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct check c = new_check(4096);
	char in[256], text[CHECK_TEXT];

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		bool token = v && strchr(tchars, (int)v);
		bool target = v > ' ' && v != 0x7f && v != '#';
		bool value = v == '\t' || (v >= ' ' && v != 0x7f);
		int n;

		n = snprintf(in, sizeof(in), "A%cB / HTTP/1.1\r\n" H "\r\n", v);
		assert_int_equal(check_parse(&c, in, (size_t)n, text) > 0, token);
		n = snprintf(in, sizeof(in), "GET /%c HTTP/1.1\r\n" H "\r\n", v);
		assert_int_equal(check_parse(&c, in, (size_t)n, text) > 0, target);
		n = snprintf(in, sizeof(in), "GET / HTTP/1.1\r\n" H "X-%cA: b\r\n\r\n", v);
		assert_int_equal(check_parse(&c, in, (size_t)n, text) > 0, token || v == ':');
		n = snprintf(in, sizeof(in), "GET / HTTP/1.1\r\n" H "X-A: b%cb\r\n\r\n", v);
		assert_int_equal(check_parse(&c, in, (size_t)n, text) > 0, value);
	}
	guard_destroy(&c.guard);
}

/* path_len stops at the first "?", wherever it lies in the sixteen-byte blocks. */
static void test_path_len(void **state)
{
	const struct h1_limits lim = {.max_head_bytes = 4096, .max_fields = 10};
	struct http_head h;
	char in[256];

	(void)state;
	for (int len = 1; len < 50; len++) {
		int n = snprintf(in, sizeof(in), "GET /%0*d?a=b?c HTTP/1.1\r\n" H "\r\n", len, 0);

		assert_int_equal(h1_parse_request(&h, in, (size_t)n, 0, &lim), n);
		assert_int_equal(h.path_len, len + 1);
		assert_int_equal(h.path.n, len + 7);
		n = snprintf(in, sizeof(in), "GET http://example/%0*d?a HTTP/1.1\r\n" H "\r\n", len,
			     0);
		assert_int_equal(h1_parse_request(&h, in, (size_t)n, 0, &lim), n);
		assert_int_equal(h.path_len, len + 1);
		/* A field so near that its "?" is in the target's last block. */
		n = snprintf(in, sizeof(in), "GET /%0*d HTTP/1.1\r\nX:?\r\n" H "\r\n", len, 0);
		assert_int_equal(h1_parse_request(&h, in, (size_t)n, 0, &lim), n);
		assert_int_equal(h.path_len, h.path.n);
	}
}

static void test_fields_as_received(void **state)
{
	static const char in[] =
		"GET / HTTP/1.1\r\nhOsT:h\r\nX-Ows: \t padded \t \r\nX-Empty: \t\r\n"
		"X-Long-Enough-For-Two-Blocks: 0123456789abcdef0123456789abcdef\r\n\r\n";
	const struct h1_limits lim = {.max_head_bytes = 4096, .max_fields = 4};
	struct http_head h;

	(void)state;
	assert_int_equal(h1_parse_request(&h, in, sizeof(in) - 1, 0, &lim), sizeof(in) - 1);
	assert_int_equal(h.n_fields, 4);
	assert_true(slice_eq(h.fields[0].name, SLICE("hOsT")));
	assert_int_equal(h.fields[0].id, HTTP_FIELD_HOST);
	assert_false(h.fields[0].hop);
	assert_true(slice_eq(h.fields[1].value, SLICE("padded")));
	assert_int_equal(h.fields[2].value.n, 0);
	assert_true(slice_eq(h.fields[3].name, SLICE("X-Long-Enough-For-Two-Blocks")));
	assert_true(slice_eq(h.fields[3].value, SLICE("0123456789abcdef0123456789abcdef")));
	assert_int_equal(h.fields[3].id, HTTP_FIELD_OTHER);
	assert_ptr_equal(http_find(&h, HTTP_FIELD_HOST), &h.fields[0]);
}

/* Whatever is written anew or ends here is marked by its name. */
static void test_always_hop(void **state)
{
	static const char in[] =
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nKeep-Alive: 1\r\n"
		"Proxy-Connection: close\r\nTE: gzip\r\nTrailer: x\r\nTransfer-Encoding: "
		"chunked\r\n"
		"Upgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Authorization: x\r\n\r\n";
	const struct h1_limits lim = {.max_head_bytes = 4096, .max_fields = 20};
	struct http_head h;

	(void)state;
	assert_true(h1_parse_request(&h, in, sizeof(in) - 1, 0, &lim) > 0);
	assert_int_equal(h.n_fields, 10);
	for (unsigned i = 0; i < h.n_fields; i++)
		assert_int_equal(h.fields[i].hop, i > 0 && i < 9);
}

static void test_limits(void **state)
{
	struct check c = new_check(256 * 1024);
	static char in[200 * 1024];
	char text[CHECK_TEXT];
	size_t n;

	(void)state;
	n = (size_t)snprintf(in, sizeof(in), "GET /%07900d HTTP/1.1\r\n" H "\r\n", 0);
	assert_int_equal(check_parse(&c, in, n, text), n);

	/* A head of exactly the limit passes; one byte more does not, whole or not. */
	c.limits.max_head_bytes = (uint32_t)n;
	assert_int_equal(check_parse(&c, in, n, text), n);
	c.limits.max_head_bytes = (uint32_t)n - 1;
	assert_int_equal(check_everywhere(&c, in, n, text), H1_TOO_LARGE);
	c.limits.max_head_bytes = 1000;
	assert_int_equal(check_everywhere(&c, in, n, text), H1_URI_TOO_LONG);

	c.limits.max_head_bytes = 60 * 1024;
	n = (size_t)snprintf(in, sizeof(in), "GET /%0199000d", 0);
	assert_int_equal(check_parse(&c, in, n, text), H1_URI_TOO_LONG);
	n = (size_t)snprintf(in, sizeof(in), "%0199000d", 0);
	assert_int_equal(check_parse(&c, in, n, text), H1_URI_TOO_LONG);
	n = (size_t)snprintf(in, sizeof(in), "GET / HTTP/1.1\r\n" H "X-Big: %0199000d", 0);
	assert_int_equal(check_parse(&c, in, n, text), H1_TOO_LARGE);
	assert_int_equal(check_parse(&c, in, 60 * 1024 - 1, text), 0);
	assert_int_equal(check_parse(&c, in, 60 * 1024, text), H1_TOO_LARGE);
	guard_destroy(&c.guard);
}

static void test_field_count(void **state)
{
	struct check c = new_check(16 * 1024);
	char in[8192], text[CHECK_TEXT];
	size_t n = (size_t)snprintf(in, sizeof(in), "GET / HTTP/1.1\r\n" H);

	(void)state;
	for (int i = 0; i < 99; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - (size_t)n, "X-%d: y\r\n", i);
	memcpy(in + n, "\r\n", 3);
	assert_int_equal(check_everywhere(&c, in, n + 2, text), n + 2);
	n += (size_t)snprintf(in + n, sizeof(in) - (size_t)n, "X-A: y\r\n");
	memcpy(in + n, "\r\n", 3);
	assert_int_equal(check_everywhere(&c, in, n + 2, text), H1_TOO_MANY_FIELDS);
	/* Configuration cannot exceed the array. */
	c.limits.max_fields = UINT16_MAX;
	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - (size_t)n, "Y-%d: y\r\n", i);
	memcpy(in + n, "\r\n", 3);
	assert_int_equal(check_parse(&c, in, n + 2, text), H1_TOO_MANY_FIELDS);
	guard_destroy(&c.guard);
}

/* Each nominated name is compared with each field: their number is bounded. */
static void test_many_nominations(void **state)
{
	struct check c = new_check(16 * 1024);
	char in[8192], text[CHECK_TEXT];

	(void)state;
	for (int names = 31; names < 35; names++) {
		size_t n = (size_t)snprintf(in, sizeof(in),
					    "GET / HTTP/1.1\r\n" H "Connection: close");

		for (int i = 0; i < names; i++)
			n += (size_t)snprintf(in + n, sizeof(in) - (size_t)n, ",x%d", i);
		n += (size_t)snprintf(in + n, sizeof(in) - (size_t)n, "\r\n\r\n");
		assert_int_equal(check_parse(&c, in, n, text),
				 names <= 32 ? (int)n : H1_TOO_MANY_FIELDS);
	}
	guard_destroy(&c.guard);
}

/* Garbage is refused as soon as it shows, not when a blank line comes. */
static void test_refused_early(void **state)
{
	struct check c = new_check(4096);
	char text[CHECK_TEXT];

	(void)state;
	assert_int_equal(check_parse(&c, "\x16", 1, text), H1_BAD_REQUEST_LINE);
	assert_int_equal(check_parse(&c, "GET /\r", 6, text), H1_BAD_REQUEST_LINE);
	assert_int_equal(check_parse(&c, "GET / HTTQ", 10, text), H1_BAD_REQUEST_LINE);
	assert_int_equal(check_parse(&c, "GET / HTTP/2.0\r\n", 16, text), H1_BAD_VERSION);
	assert_int_equal(check_parse(&c, "GET t HTTP/1.1\r\n", 16, text), H1_BAD_REQUEST_LINE);
	assert_int_equal(check_parse(&c, "GET / HTTP/1.1\r\nX Y", 19, text), H1_BAD_FIELD);
	assert_int_equal(check_parse(&c, "GET / HTTP/1.1\r\nX: y\n", 21, text), H1_BAD_FIELD);
	assert_int_equal(check_parse(&c, "", 0, text), 0);
	guard_destroy(&c.guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_lines),
		cmocka_unit_test(test_absolute_forms),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_transfer_encodings),
		cmocka_unit_test(test_content_lengths),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_path_len),
		cmocka_unit_test(test_fields_as_received),
		cmocka_unit_test(test_always_hop),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_field_count),
		cmocka_unit_test(test_many_nominations),
		cmocka_unit_test(test_refused_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
