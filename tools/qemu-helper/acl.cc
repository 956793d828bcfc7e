#include "tools/qemu-helper/acl.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tapswitch {
namespace {

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<AclStatement::Kind> FindKind(std::string_view word) {
  using Kind = AclStatement::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds{
      {{"allow", Kind::kAllow}, {"deny", Kind::kDeny}, {"include", Kind::kInclude}}};
  for (const auto& [name, kind] : kKinds) {
    if (word == name) return kind;
  }
  return std::nullopt;
}

// Nothing when it is no statement.
std::optional<AclStatement> ParseLine(std::string_view line) {
  const size_t end = line.find_first_of(kSpace);
  const auto kind = FindKind(line.substr(0, end));
  if (!kind || end == std::string_view::npos) return std::nullopt;
  const std::string_view argument = Trimmed(line.substr(end));
  // A relative path would depend on where the caller happens to be.
  if (*kind == AclStatement::Kind::kInclude && argument.front() != '/') return std::nullopt;
  // A NUL ends a path, and a name, for the kernel.
  if (argument.find('\0') != std::string_view::npos) return std::nullopt;
  return AclStatement{*kind, std::string(argument)};
}

}  // namespace

absl::StatusOr<std::vector<AclStatement>> ParseAcl(std::string_view text) {
  std::vector<AclStatement> statements;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    auto statement = ParseLine(line);
    if (!statement) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": it is none of: allow NAME, deny NAME, include /PATH"));
    }
    statements.push_back(*std::move(statement));
  }
  return statements;
}

bool Permits(const std::vector<AclStatement>& statements, std::string_view bridge) {
  bool allowed = false;
  for (const AclStatement& statement : statements) {
    const bool is_meant = statement.argument == "all" || statement.argument == bridge;
    if (statement.kind == AclStatement::Kind::kInclude || !is_meant) continue;
    if (statement.kind == AclStatement::Kind::kDeny) return false;
    allowed = true;
  }
  return allowed;
}

}  // namespace tapswitch
