# Makes a C++ source of a file's bytes: cmake -DINPUT=FILE -DOUTPUT=SOURCE -P embed.cmake
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUTPUT}" "#include \"ports/interface/fastpath/forward_object.h\"

namespace tapswitch {
namespace {

alignas(8) constexpr unsigned char kBytes[] = {${bytes}};

}  // namespace

std::span<const unsigned char> ForwardObject() { return kBytes; }

}  // namespace tapswitch
")
