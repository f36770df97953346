// Memory for very many devices, in few large pages.
#pragma once

#include <cstddef>

namespace hubproof::tools {

// Each message of a large fleet touches some sixty places that lie far from each other; with small
// pages the processor waits for the address of nearly each of them, too. This asks the system for
// huge pages for what so many devices will take from the heap next (see reports/performance.md). It
// changes nothing but speed, does nothing for a small fleet or where there is no such thing, and
// leaves the process with a heap that keeps what it was given.
void prefer_huge_pages(std::size_t devices);

}  // namespace hubproof::tools
