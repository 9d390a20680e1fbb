/* page.h - the page at "/": live traffic, from /stats. */
#pragma once

extern const char page_html[];
