// Where this build has no decoder for its processor's code.
#include "encoding/decoded.hpp"

namespace skep::encoding {

std::unique_ptr<Decoder> make_decoder(std::string& why) {
  why = "built without libcapstone-dev";
  return nullptr;
}

}  // namespace skep::encoding
