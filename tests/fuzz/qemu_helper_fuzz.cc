// Fuzzes what the helper reads of strangers: its arguments, and lists of access. Whatever they are,
// they are refused in words or mean what they should: a bridge is a name and no path, an include is
// an absolute path, and nothing that is denied is permitted.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tools/qemu-helper/acl.h"
#include "tools/qemu-helper/arguments.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// One argument a line.
void CheckArguments(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    words.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  const auto arguments = ParseHelperArguments(words);
  if (!arguments.ok()) return Require(!arguments.status().message().empty());
  if (arguments->help || arguments->version) return;
  Require(arguments->fd >= 0);
  const std::string_view bridge = arguments->bridge;
  Require(!bridge.empty() && bridge.size() <= 15 && bridge != "." && bridge != "..");
  Require(bridge.find_first_of(std::string_view("/\0\n ", 4)) == std::string_view::npos);
}

void CheckAcl(std::string_view text) {
  using Kind = AclStatement::Kind;
  const auto statements = ParseAcl(text);
  if (!statements.ok()) return Require(!statements.status().message().empty());
  bool any_allowed = false;
  for (const AclStatement& statement : *statements) {
    Require(!statement.argument.empty());
    if (statement.kind == Kind::kInclude) Require(statement.argument.front() == '/');
    if (statement.kind == Kind::kDeny) Require(!Permits(*statements, statement.argument));
    any_allowed = any_allowed || statement.kind == Kind::kAllow;
  }
  if (!any_allowed) Require(!Permits(*statements, "br0"));
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tapswitch::CheckArguments(text);
  tapswitch::CheckAcl(text);
  return 0;
}
