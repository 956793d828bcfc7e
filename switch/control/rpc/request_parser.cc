#include "switch/control/rpc/request_parser.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using Json = nlohmann::json;

// Not nlohmann's own builder, because that one has no limit of depth and forgets how a number was
// written.
// NOLINTNEXTLINE(bugprone-exception-escape): as of its document
class DocumentBuilder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(int64_t value) override { return Add(value); }
  bool number_unsigned(uint64_t value) override { return Add(value); }
  bool number_float(double value, const std::string& written) override {
    Add(value);
    if (AtId()) document_.number_ids[RequestIndex()] = written;
    return true;
  }
  bool string(std::string& value) override { return Add(std::move(value)); }
  bool binary(Json::binary_t& /*value*/) override { return false; }  // JSON text has none

  bool start_object(size_t /*elements*/) override { return Open(Json::object()); }
  bool key(std::string& name) override {
    key_ = std::move(name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t /*elements*/) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool parse_error(size_t position, const std::string& /*last_token*/,
                   const Json::exception& /*error*/) override {
    error_ = fmt::format("not JSON at byte {}: send one JSON-RPC 2.0 request a line", position);
    return false;
  }

  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] RequestDocument Take() { return std::move(document_); }

 private:
  bool Add(Json value) {
    if (AtId()) document_.number_ids.erase(RequestIndex());
    added_ = &Slot();
    *added_ = std::move(value);
    return true;
  }

  // Where the next value belongs.
  Json& Slot() {
    if (open_.empty()) return document_.root;
    Json& parent = *open_.back();
    return parent.is_array() ? parent.emplace_back() : parent[key_];
  }

  bool Open(Json empty) {
    if (open_.size() == kMaxJsonDepth) {
      error_ = fmt::format("nested deeper than {} levels: no request needs that", kMaxJsonDepth);
      return false;
    }
    Add(std::move(empty));
    // Stays valid: its parent gets no further element while it is open.
    open_.push_back(added_);
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  // Whether the next value is the id of a request.
  [[nodiscard]] bool AtId() const {
    const size_t depth_of_requests = document_.root.is_array() ? 2 : 1;
    return open_.size() == depth_of_requests && open_.back()->is_object() && key_ == "id";
  }

  [[nodiscard]] size_t RequestIndex() const {
    return document_.root.is_array() ? document_.root.size() - 1 : 0;
  }

  RequestDocument document_;
  std::vector<Json*> open_;
  Json* added_ = nullptr;
  std::string key_;
  std::string error_;
};

}  // namespace

std::string RequestDocument::IdText(size_t index) const {
  if (const auto written = number_ids.find(index); written != number_ids.end()) {
    return written->second;
  }
  const Json& request = root.is_array() ? root[index] : root;
  return request["id"].dump();
}

absl::StatusOr<RequestDocument> ParseRequestDocument(std::string_view text) {
  // The parser takes NUL for the end of the text and would ignore what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("not JSON at byte {}: send one JSON-RPC 2.0 request a line", nul + 1));
  }
  DocumentBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.error());
  }
  return builder.Take();
}

}  // namespace tapswitch
