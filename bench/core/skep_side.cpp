// skep's half of the comparison, a process that does one thing: open and relocate an object, or parse types.
#include <skep/open_object.hpp>

#include <cstring>

#include <skep/object.hpp>

#include "api/target_types.hpp"
#include "report.hpp"

namespace {

bool complain(const skep::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return false;
}

bool open(const char* object, const char* types) {
  const auto opened = skep::OpenObject::open_file(object, {.target_btf = types});
  return opened ? true : complain(opened.error());
}

bool parse(const char* types) {
  const auto parsed = skep::load_types(types);
  return parsed ? true : complain(parsed.error());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s {OBJECT | --parse} TYPES\n", argv[0]), 2;
  const bool only_types = std::strcmp(argv[1], "--parse") == 0;
  return skep::bench::report([&] { return only_types ? parse(argv[2]) : open(argv[1], argv[2]); });
}
