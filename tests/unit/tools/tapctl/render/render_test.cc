// What is chosen to be said of an answer.

#include <gtest/gtest.h>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_test {
namespace {

TEST(RenderSaveTest, ACommandALine) {
  EXPECT_EQ(Render("save", R"(["port add vnet1", "link set dev vnet1 isolated on"])"),
            "port add vnet1\nlink set dev vnet1 isolated on\n");
  EXPECT_EQ(Render("save", R"(["port add vnet1"])", {.json = true}), "[\"port add vnet1\"]\n");
}

TEST(RenderChangeTest, WhatWasDoneIsNotWorthAWord) {
  for (const bool json : {false, true}) {
    EXPECT_EQ(Render("port del vnet1", "null", {.json = json}), "");
    EXPECT_EQ(Render("fdb flush", R"({"flushed": 3})", {.json = json}), "");
  }
}

}  // namespace
}  // namespace tapswitch::render_test
