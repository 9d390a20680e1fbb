/* heads.h - the heads that HTTP is measured with. */
#pragma once

static const char wrk_request[] = "GET /productpage HTTP/1.1\r\n"
				  "Host: bookinfo.example:80\r\n"
				  "User-Agent: wrk/4.1.0\r\n"
				  "Accept: */*\r\n"
				  "\r\n";

static const char browser_request[] =
	"GET /api/v1/products/17/reviews?page=2&sort=date HTTP/1.1\r\n"
	"Host: bookinfo.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
	"\r\n";

static const char small_response[] = "HTTP/1.1 200 OK\r\n"
				     "Content-Type: application/json\r\n"
				     "Content-Length: 64\r\n"
				     "Date: Mon, 06 May 2024 10:00:00 GMT\r\n"
				     "Server: backend\r\n"
				     "\r\n";
