# ruby-jwt: decode with a loader of keys. In and out as in judge.mjs.
require "json"
require "jwt"
require "net/http"

given = JSON.parse($stdin.read)
keys = JSON.parse(Net::HTTP.get(URI(given["jwksUri"])), symbolize_names: true)
options = { algorithms: ["ES256"], jwks: ->(_options) { keys }, iss: given["issuer"], verify_iss: true,
            aud: given["audience"], verify_aud: true, required_claims: ["exp"] }

verdicts = given["tokens"].transform_values do |token|
  JWT.decode(token, nil, true, options)
  "accepted"
rescue JWT::DecodeError
  "refused"
end
puts JSON.generate("ruby-jwt" => verdicts)
