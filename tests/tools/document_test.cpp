#include "tools/document.hpp"

#include <gtest/gtest.h>

namespace hubproof::tools {
namespace {

std::string malformed(std::string_view json) {
  const Parsed parsed = parse(json);
  return parsed.malformed ? parsed.malformed->where + ": " + parsed.malformed->what : "fine";
}

TEST(Document, KeepsTheTextOfNumbersAndTheOrderOfKeys) {
  const Parsed parsed = parse(R"({"b": 0.10, "a": [1, -2, 3e2, 12345678901234567890123], "c": null})");
  ASSERT_FALSE(parsed.malformed);
  EXPECT_EQ(write_compact(parsed.document), R"({"b": 0.10, "a": [1, -2, 3e2, 12345678901234567890123], "c": null})");
}

TEST(Document, SaysWhereATextIsNoJson) {
  EXPECT_EQ(malformed(""), "line 1, column 1: the JSON ends too early; is the file complete?");
  EXPECT_EQ(malformed("{\"a\": [1, 2"), "line 1, column 12: the JSON ends too early; is the file complete?");
  EXPECT_EQ(malformed("{\n  \"a\": 1,\n  b\n}").substr(0, 26), "line 3, column 3: not JSON");
  EXPECT_EQ(malformed("{\"a\": 1, \"a\": 2}"), "/a: this key is there twice");
  EXPECT_EQ(malformed("{\"x\": [{\"a\": 1}, {\"b\": 2, \"b\": 3}]}"), "/x/1/b: this key is there twice");
  EXPECT_EQ(malformed("{\"a\": \"\xff\"}").substr(0, 28), "line 1, column 8: not JSON: ");
}

TEST(Document, BoundsSizeAndDepth) {
  EXPECT_EQ(malformed(std::string(largest_document + 1, ' ')), ": larger than 16 MiB");
  const std::string deep(1'000'000, '[');
  EXPECT_NE(malformed(deep).find(": nested deeper than 64 levels"), std::string::npos);
  EXPECT_EQ(malformed(std::string(64, '[') + std::string(64, ']')), "fine");
}

TEST(Document, WritesShortThingsOnALine) {
  const Document document = parse(R"({"a": {"b": [1, 2]}, "c": ["a long text that does not fit together with the next one",
    "and the next one, which is long as well"]})").document;
  EXPECT_EQ(write(document), R"({
  "a": {"b": [1, 2]},
  "c": [
    "a long text that does not fit together with the next one",
    "and the next one, which is long as well"
  ]
}
)");
  EXPECT_EQ(parse(write(document)).document, document);
}

}  // namespace
}  // namespace hubproof::tools
